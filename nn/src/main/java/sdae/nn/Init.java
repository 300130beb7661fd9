package sdae.nn;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.zip.CRC32;
import sdae.tensor.Parameter;
import sdae.tensor.Philox;

/**
 * Initialisers. The numbers of a parameter depend on the seed and its name only, so a model may grow without changing what
 * was there.
 */
public final class Init {
    private final long seed;

    public Init(long seed) {
        this.seed = seed;
    }

    private Philox random(Parameter p) {
        CRC32 crc = new CRC32();
        crc.update(p.name().getBytes(StandardCharsets.UTF_8));
        return new Philox(seed, Philox.Purpose.INIT, 0, (int) crc.getValue());
    }

    /** Uniform in +-sqrt(6 / (in + out)) with weight [out, in] (or [out, C, p, p] flattened to it). */
    public void xavierUniform(Parameter weight) {
        int out = weight.shape().size(0);
        int in = weight.shape().count() / out;
        uniform(weight, Math.sqrt(6.0 / (in + out)));
    }

    /** PyTorch's default of a convolution, weight and bias alike: uniform in +-1/sqrt(fan in). */
    public void convDefault(Parameter p, int fanIn) {
        uniform(p, 1 / Math.sqrt(fanIn));
    }

    /** Uniform in +-bound. */
    public void uniform(Parameter p, double bound) {
        Philox random = random(p);
        float[] values = new float[p.shape().count()];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.uniform(-bound, bound);
        }
        p.value().set(values);
    }

    /** Normal with mean 0, redrawn outside +-limit (timm's trunc_normal_ cuts at +-2 in absolute terms). */
    public void truncatedNormal(Parameter p, double std, double limit) {
        Philox random = random(p);
        float[] values = new float[p.shape().count()];
        for (int i = 0; i < values.length; i++) {
            double value;
            do {
                value = std * random.gaussian();
            } while (Math.abs(value) > limit);
            values[i] = (float) value;
        }
        p.value().set(values);
    }

    public void normal(Parameter p, double std) {
        truncatedNormal(p, std, Double.POSITIVE_INFINITY);
    }

    public static void constant(Parameter p, float value) {
        float[] values = new float[p.shape().count()];
        Arrays.fill(values, value);
        p.value().set(values);
    }
}
