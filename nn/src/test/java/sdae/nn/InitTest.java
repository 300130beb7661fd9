package sdae.nn;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.function.BiConsumer;
import org.junit.jupiter.api.Test;
import sdae.tensor.Backend;
import sdae.tensor.CpuBackend;
import sdae.tensor.Parameter;
import sdae.tensor.ParameterBuffer;

class InitTest {
    private static final double STANDARD_ERRORS = 5;

    private final Backend backend = new CpuBackend();

    /** The values that the last of these parameters gets, all being initialised in order. */
    private float[] values(long seed, BiConsumer<Init, Parameter> rule, Parameter... parameters) {
        Init init = new Init(seed);
        var segment = new ParameterBuffer.Segment("all", true, List.of(parameters));
        try (ParameterBuffer buffer = new ParameterBuffer(backend, false, List.of(segment))) {
            buffer.parameters().values().forEach(p -> rule.accept(init, p));
            return parameters[parameters.length - 1].value().toFloats();
        }
    }

    private static double moment(float[] values, int power) {
        double sum = 0;
        for (float v : values) {
            sum += Math.pow(v, power);
        }
        return sum / values.length;
    }

    /** Mean 0, the variance of a uniform number, and a largest value just inside the bound. */
    private static void checkUniform(float[] values, double bound) {
        double std = bound / Math.sqrt(3);
        double n = values.length;
        assertEquals(0, moment(values, 1), STANDARD_ERRORS * std / Math.sqrt(n));
        // the variance of u^2 is 4/45 bound^4
        assertEquals(std * std, moment(values, 2), STANDARD_ERRORS * bound * bound * Math.sqrt(4 / 45.0 / n));
        double largest = 0;
        for (float v : values) {
            largest = Math.max(largest, Math.abs(v));
        }
        assertTrue(largest <= bound * (1 + 1e-6) && largest > bound * 0.999, "largest " + largest + " of " + bound);
    }

    private static void checkNormal(float[] values, double std) {
        double n = values.length;
        assertEquals(0, moment(values, 1), STANDARD_ERRORS * std / Math.sqrt(n));
        assertEquals(std * std, moment(values, 2), STANDARD_ERRORS * std * std * Math.sqrt(2 / n));
        assertEquals(3, moment(values, 4) / Math.pow(moment(values, 2), 2), STANDARD_ERRORS * Math.sqrt(24 / n));
    }

    @Test
    void xavierBoundCountsInputsAndOutputs() {
        checkUniform(values(1, Init::xavierUniform, new Parameter("w", 300, 100)), Math.sqrt(6 / 400.0));
    }

    @Test
    void xavierTakesAConvolutionAsAMatrix() {
        float[] conv = values(1, Init::xavierUniform, new Parameter("w", 64, 3, 8, 8));
        checkUniform(conv, Math.sqrt(6 / (64 + 192.0)));
        assertArrayEquals(values(1, Init::xavierUniform, new Parameter("w", 64, 192)), conv);
    }

    @Test
    void convolutionDefaultIsUniformInOneOverRootFanIn() {
        checkUniform(values(1, (init, p) -> init.convDefault(p, 768), new Parameter("b", 20000)), 1 / Math.sqrt(768));
    }

    @Test
    void normalHasItsMoments() {
        checkNormal(values(3, (init, p) -> init.normal(p, 0.02), new Parameter("w", 200, 200)), 0.02);
    }

    @Test
    void absoluteCutAtTwoLeavesANarrowNormalAlone() {
        Parameter[] w = {new Parameter("w", 200, 200)};
        float[] cut = values(3, (init, p) -> init.truncatedNormal(p, 0.02, 2), w);
        checkNormal(cut, 0.02);
        assertArrayEquals(values(3, (init, p) -> init.normal(p, 0.02), new Parameter("w", 200, 200)), cut);
    }

    @Test
    void truncationRedrawsRatherThanClamps() {
        float[] values = values(3, (init, p) -> init.truncatedNormal(p, 1, 1), new Parameter("w", 200, 200));
        int atLimit = 0;
        for (float v : values) {
            assertTrue(Math.abs(v) <= 1, "value " + v);
            atLimit += Math.abs(v) == 1 ? 1 : 0;
        }
        assertTrue(atLimit < 5, atLimit + " values at the limit");
        // variance of a standard normal cut at +-1: 1 - 2 phi(1) / (2 Phi(1) - 1)
        assertEquals(0.2911, moment(values, 2), 0.01);
    }

    @Test
    void valuesDependOnSeedAndNameButNotOnOtherParameters() {
        Parameter[] alone = {new Parameter("blocks.1.attn.proj.weight", 16, 16)};
        Parameter[] grown = {
            new Parameter("blocks.0.attn.proj.weight", 16, 16),
            new Parameter("head.weight", 10, 16),
            new Parameter("blocks.1.attn.proj.weight", 16, 16)
        };
        float[] values = values(5, Init::xavierUniform, alone);
        assertArrayEquals(values, values(5, Init::xavierUniform, grown));
        double limit = STANDARD_ERRORS / Math.sqrt(values.length);
        float[] otherName = values(5, Init::xavierUniform, new Parameter("blocks.0.attn.proj.weight", 16, 16));
        float[] otherSeed = values(6, Init::xavierUniform, new Parameter("blocks.1.attn.proj.weight", 16, 16));
        assertTrue(Math.abs(correlation(values, otherName)) < limit);
        assertTrue(Math.abs(correlation(values, otherSeed)) < limit);
    }

    private static double correlation(float[] a, float[] b) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) {
            sum += (double) a[i] * b[i];
        }
        return sum / a.length / Math.sqrt(moment(a, 2) * moment(b, 2));
    }

    @Test
    void constantFills() {
        float[] values = values(1, (init, p) -> Init.constant(p, 1.5f), new Parameter("norm.weight", 3));
        assertArrayEquals(new float[] {1.5f, 1.5f, 1.5f}, values);
    }
}
