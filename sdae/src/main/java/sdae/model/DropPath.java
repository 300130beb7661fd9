package sdae.model;

import java.util.ArrayList;
import java.util.List;
import sdae.nn.Schedules;
import sdae.tensor.DType;
import sdae.tensor.Philox;
import sdae.tensor.Tape;
import sdae.tensor.Tensor;

/**
 * Per-sample factors of the residual branches in one step: {@code scales.get(block)} holds those of attention and MLP, each
 * [B], or null where nothing is dropped.
 */
public record DropPath(List<Tensor[]> scales) {
    /** Where the uniform numbers of a branch are. */
    public interface Uniform {
        Tensor of(int block, int branch);
    }

    /** Nothing is dropped. */
    public static final DropPath NONE = new DropPath(List.of());

    /**
     * From uniform numbers [depth][2][B]: a branch is kept where floor(1 - rate + u) is 1, then divided by 1 - rate; the rate
     * rises linearly from 0 to {@code rate} over the blocks.
     */
    public static DropPath of(Tape tape, float[][][] uniform, double rate) {
        return of(
                tape,
                uniform.length,
                rate,
                (block, branch) -> tape.of(uniform[block][branch], uniform[block][branch].length));
    }

    /** The same from numbers on the device: {@code uniform.of(block, branch)} is [B]. */
    public static DropPath of(Tape tape, int depth, double rate, Uniform uniform) {
        List<Tensor[]> scales = new ArrayList<>();
        for (int block = 0; block < depth; block++) {
            double dropped = Schedules.dropPath(block, depth, rate);
            Tensor[] pair = new Tensor[2];
            for (int branch = 0; branch < 2 && dropped > 0; branch++) {
                Tensor u = uniform.of(block, branch);
                Tensor scale = tape.empty(DType.F32, u.count());
                tape.backend().dropPathScale(scale, u, (float) dropped);
                pair[branch] = scale;
            }
            scales.add(pair);
        }
        return new DropPath(scales);
    }

    /** Drawn for these samples: a function of (seed, epoch, sample id) alone. */
    public static DropPath draw(Tape tape, int depth, double rate, long seed, int epoch, int[] sampleIds) {
        return rate == 0 ? NONE : of(tape, uniform(depth, seed, epoch, sampleIds), rate);
    }

    /** The uniform numbers [depth][2][B] of these samples. */
    public static float[][][] uniform(int depth, long seed, int epoch, int[] sampleIds) {
        float[][][] uniform = new float[depth][2][sampleIds.length];
        for (int i = 0; i < sampleIds.length; i++) {
            Philox random = new Philox(seed, Philox.Purpose.DROP_PATH, epoch, sampleIds[i]);
            for (float[][] block : uniform) {
                block[0][i] = random.uniform();
                block[1][i] = random.uniform();
            }
        }
        return uniform;
    }

    Tensor attention(int block) {
        return scales.isEmpty() ? null : scales.get(block)[0];
    }

    Tensor mlp(int block) {
        return scales.isEmpty() ? null : scales.get(block)[1];
    }
}
