package sdae.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.bytedeco.javacpp.Pointer;
import org.junit.jupiter.api.Test;
import sdae.kernels.Native;
import sdae.model.Objective.Axis;
import sdae.model.Objective.Kind;
import sdae.model.Objective.TeacherView;
import sdae.nn.AdamW;
import sdae.nn.Ema;
import sdae.tensor.Arena;
import sdae.tensor.Backend;
import sdae.tensor.CpuBackend;
import sdae.tensor.ParameterBuffer.Segment;
import sdae.tensor.Tape;
import sdae.tensor.Tensor;
import sdae.tensor.TestDevices;
import sdae.tensor.op.PatchMask;

/** What a tiny model does over many steps: memory, learning, repeatable bits, errors. */
class SdaeModelTest {
    private static final ModelSpec TINY = ModelSpec.of(16, 16, 3, 4, 32, 2, 2, 32, 1, 2);
    private static final int BATCH = 8;
    private static final int VISIBLE = 4;
    private static final int MASKED = 12;
    private static final int FOLDS = 3;
    private static final double WEIGHT_DECAY = 0.04;
    private static final double MOMENTUM = 0.99;
    private static final AdamW.Scales SCALES = new AdamW.Scales() {
        @Override
        public double lr(Segment segment) {
            return 1;
        }

        @Override
        public double decay(Segment segment) {
            return segment.name().endsWith(".no-decay") ? 0 : 1;
        }
    };

    private final Backend backend = new CpuBackend();

    private static Objective.Sdae sdae(Axis axis) {
        return new Objective.Sdae(TeacherView.MASKED_FOLDS, FOLDS, axis, Kind.COSINE, false);
    }

    /** A model with all that trains it. */
    private final class Training implements AutoCloseable {
        final SdaeModel model;
        final Arena arena = new Arena(backend, false);
        final AdamW adamw;
        final Ema ema;
        final float[] images;
        final Random random;
        final double dropPath;
        int step;

        Training(Objective objective, long seed, double dropPath) {
            this.dropPath = dropPath;
            random = new Random(seed);
            model = new SdaeModel(backend, TINY, objective, false);
            model.init(seed, false);
            adamw = new AdamW(backend, model.student(), SCALES, 0.9, 0.95, 1e-8);
            ema = model.teacher() == null
                    ? null
                    : new Ema(backend, model.teacher().values(), model.studentPrefix());
            images = new float[BATCH * TINY.channels() * TINY.imageHeight() * TINY.imageWidth()];
            for (int i = 0; i < images.length; i++) {
                images[i] = (float) random.nextGaussian();
            }
        }

        float[] noise() {
            float[] noise = new float[BATCH * TINY.patches()];
            for (int i = 0; i < noise.length; i++) {
                noise[i] = random.nextFloat();
            }
            return noise;
        }

        SdaeModel.Forward forward(Tape tape, float[] noise) {
            int[] ids = new int[BATCH];
            Arrays.setAll(ids, i -> i);
            return model.forward(
                    tape.of(images, BATCH, TINY.channels(), TINY.imageHeight(), TINY.imageWidth()),
                    PatchMask.of(tape.of(noise, BATCH, TINY.patches()), VISIBLE, MASKED),
                    DropPath.draw(tape, TINY.depth(), dropPath, 5, step, ids));
        }

        /** Forward, backward, update; the teacher follows unless it is frozen. */
        float step(float[] noise, double lr, boolean frozen) {
            model.student().zeroGrad();
            float loss;
            try (Tape tape = arena.open()) {
                SdaeModel.Forward out = forward(tape, noise);
                loss = out.loss().item();
                tape.backward(out.loss());
            }
            adamw.step(lr, WEIGHT_DECAY, 1);
            if (ema != null && !frozen) {
                ema.update(MOMENTUM);
            }
            step++;
            return loss;
        }

        @Override
        public void close() {
            arena.close();
            adamw.close();
            if (ema != null) {
                ema.close();
            }
            model.close();
        }
    }

    /** What must not move from step to step. */
    private record Memory(long bytes, long blocks, long slab, long pointers, long pointerBytes) {
        static Memory of(Arena arena) {
            return new Memory(
                    Native.sk_live_bytes(),
                    Native.sk_live_blocks(),
                    arena.slabBytes(),
                    Pointer.totalCount(),
                    Pointer.totalBytes());
        }
    }

    /** Memory stands still from the second step on, also where a thread gets its first large task later than that. */
    private static void checkFlat(Training training, int steps) {
        TestDevices.withThreads(3, () -> {
            training.step(training.noise(), 1e-3, false);
            training.step(training.noise(), 1e-3, false);
            Memory second = Memory.of(training.arena);
            assertTrue(second.slab() > 0);
            for (int step = 3; step <= steps; step++) {
                float loss = training.step(training.noise(), 1e-3, false);
                assertTrue(Float.isFinite(loss), "loss of step " + step);
                assertEquals(second, Memory.of(training.arena), training.model.objective() + " after step " + step);
            }
        });
    }

    @Test
    void fortyStepsAllocateNothingAfterTheSecond() {
        for (Objective objective : List.of(sdae(Axis.TOKEN), sdae(Axis.CHANNEL), new Objective.Mae(true))) {
            try (Training training = new Training(objective, 1, 0.1)) {
                checkFlat(training, 40);
            }
        }
    }

    @Test
    void noTeacherViewOrDistanceAllocatesAfterTheSecondStep() {
        for (TeacherView view : TeacherView.values()) {
            for (Kind kind : Kind.values()) {
                Objective objective = new Objective.Sdae(view, FOLDS, Axis.AUTO, kind, false);
                try (Training training = new Training(objective, 1, 0)) {
                    checkFlat(training, 4);
                }
            }
        }
    }

    @Test
    void closingFreesAllMemoryOfATraining() {
        TestDevices.withThreads(1, () -> {
            long[] bytes = new long[2];
            long[] blocks = new long[2];
            // the first leaves the kernels' scratch memory behind
            for (int run = 0; run < 2; run++) {
                try (Training training = new Training(sdae(Axis.TOKEN), 1, 0.1)) {
                    training.step(training.noise(), 1e-3, false);
                    training.step(training.noise(), 1e-3, false);
                }
                bytes[run] = Native.sk_live_bytes();
                blocks[run] = Native.sk_live_blocks();
            }
            assertEquals(bytes[0], bytes[1]);
            assertEquals(blocks[0], blocks[1]);
        });
    }

    /** The losses of training on eight images with one mask. */
    private float[] overfit(Objective objective, double lr, int steps) {
        try (Training training = new Training(objective, 2, 0)) {
            float[] noise = training.noise();
            float[] losses = new float[steps];
            for (int i = 0; i < steps; i++) {
                losses[i] = training.step(noise, lr, true);
            }
            return losses;
        }
    }

    @Test
    void tinyModelOverfitsEightImagesAgainstAFrozenTeacher() {
        for (Axis axis : List.of(Axis.CHANNEL, Axis.TOKEN)) {
            float[] losses = overfit(sdae(axis), 3e-3, 200);
            assertTrue(losses[0] > 0.9, axis + " starts at " + losses[0]);
            assertTrue(losses[199] < 0.2, axis + " ends at " + losses[199]);
        }
    }

    @Test
    void maskedAutoencoderOverfitsEightImages() {
        for (boolean normPix : new boolean[] {false, true}) {
            float[] losses = overfit(new Objective.Mae(normPix), 3e-3, 200);
            assertTrue(losses[199] < 0.25 * losses[0], "from " + losses[0] + " to " + losses[199]);
        }
    }

    /** Losses, student and teacher after five steps. */
    private List<float[]> fiveSteps(Objective objective) {
        try (Training training = new Training(objective, 3, 0.2)) {
            List<float[]> result = new ArrayList<>();
            float[] losses = new float[5];
            for (int i = 0; i < losses.length; i++) {
                losses[i] = training.step(training.noise(), 1e-3, false);
            }
            result.add(losses);
            result.add(training.model.student().values().toFloats());
            if (training.model.teacher() != null) {
                result.add(training.model.teacher().values().toFloats());
            }
            return result;
        }
    }

    @Test
    void aSeedGivesTheSameBitsForAnyNumberOfThreads() {
        for (Objective objective : List.of(sdae(Axis.TOKEN), sdae(Axis.CHANNEL), new Objective.Mae(true))) {
            TestDevices.forEachIsa(isa -> {
                List<float[]> once = fiveSteps(objective);
                for (int threads : new int[] {1, 2, 3, 7}) {
                    TestDevices.withThreads(threads, () -> {
                        List<float[]> again = fiveSteps(objective);
                        for (int i = 0; i < once.size(); i++) {
                            assertArrayEquals(
                                    once.get(i),
                                    again.get(i),
                                    objective + " on " + isa + ", " + threads + " threads, result " + i);
                        }
                    });
                }
            });
        }
    }

    @Test
    void everyTrainedWeightGetsAGradientAndTheTeacherHasNone() {
        try (Training training = new Training(sdae(Axis.TOKEN), 4, 0)) {
            float[] teacher = training.model.teacher().values().toFloats();
            training.step(training.noise(), 1e-3, true);
            Set<String> without = new HashSet<>();
            training.model.student().parameters().forEach((name, p) -> {
                // the step has cleared the gradient; AdamW's first moment lies like it
                if (p.trainable()) {
                    long at = (p.grad().address()
                                    - training.model.student().grads().address())
                            / Float.BYTES;
                    Tensor m = training.adamw
                            .firstMoments()
                            .slice((int) at, p.shape().count());
                    if (isZero(m.toFloats())) {
                        without.add(name);
                    }
                }
            });
            assertEquals(Set.of(), without);
            assertEquals(0, training.model.teacher().grads().count());
            assertArrayEquals(teacher, training.model.teacher().values().toFloats());
        }
    }

    private static boolean isZero(float[] values) {
        for (float v : values) {
            if (v != 0) {
                return false;
            }
        }
        return true;
    }

    @Test
    void aStepIsWalkedBackOnce() {
        try (Training training = new Training(sdae(Axis.TOKEN), 4, 0);
                Tape tape = training.arena.open()) {
            SdaeModel.Forward out = training.forward(tape, training.noise());
            tape.backward(out.loss());
            assertEquals(
                    "backward: step 1 has been walked back already",
                    assertThrows(IllegalStateException.class, tape::backward).getMessage());
            assertEquals(
                    "tape: step 1 has been walked back; open a new step",
                    assertThrows(IllegalStateException.class, () -> training.forward(tape, training.noise()))
                            .getMessage());
            Tensor pred = out.pred();
            IllegalStateException freed = assertThrows(IllegalStateException.class, pred::toFloats);
            assertTrue(freed.getMessage().contains("was freed by the tape of step 1"), freed.getMessage());
        }
    }

    @Test
    void teacherStartsUnrelatedOrAsACopy() {
        try (SdaeModel model = new SdaeModel(backend, TINY, sdae(Axis.TOKEN), false)) {
            model.init(6, false);
            model.copyTeacher();
            assertArrayEquals(
                    model.studentPrefix().toFloats(), model.teacher().values().toFloats());
            model.init(6, false);
            float[] own =
                    model.student().get("blocks.0.attn.qkv.weight").value().toFloats();
            float[] other =
                    model.teacher().get("blocks.0.attn.qkv.weight").value().toFloats();
            double product = 0;
            double squares = 0;
            double otherSquares = 0;
            for (int i = 0; i < own.length; i++) {
                product += (double) own[i] * other[i];
                squares += (double) own[i] * own[i];
                otherSquares += (double) other[i] * other[i];
            }
            double correlation = product / Math.sqrt(squares * otherSquares);
            assertTrue(Math.abs(correlation) < 5 / Math.sqrt(own.length), "correlation " + correlation);
            model.shareTeacherPositions();
            assertArrayEquals(
                    model.encoder().posEmbed().value().toFloats(),
                    model.teacherEncoder().posEmbed().value().toFloats());
        }
    }
}
