package sdae.tensor.op;

import sdae.tensor.Checks;
import sdae.tensor.Gradients;
import sdae.tensor.Op;
import sdae.tensor.Parameter;
import sdae.tensor.Shape;
import sdae.tensor.Tape;
import sdae.tensor.Tensor;

/**
 * Positions and the class token: the sequence that enters an encoder.
 *
 * <pre>tokens[s, 0] = cls + pos[0],   tokens[s, 1+i] = projected[s, i] + pos[1 + ids[s, i]]</pre>
 *
 * projected: [S, n, D]; cls: [1, 1, D]; pos: [1, 1+L, D], trained or fixed; ids: I32 [S, n] or null (i itself); tokens:
 * [S, 1+n, D].
 */
public record EmbedTokensOp(Tensor projected, Parameter cls, Parameter pos, Tensor ids) implements Op {

    public static Tensor apply(Tensor projected, Parameter cls, Parameter pos, Tensor ids) {
        Shape shape = projected.shape();
        Checks.rank("embedTokens", "projected", shape, 3);
        int sequences = shape.size(0);
        int count = shape.size(1);
        int width = shape.size(2);
        Checks.matches("embedTokens", "cls", cls.shape(), "projected", shape, 1, 1, width);
        Checks.that(
                pos.shape().rank() == 3
                        && pos.shape().last() == width
                        && pos.shape().size(1) > 1,
                "embedTokens",
                "pos must be [1, 1+patches, " + width + "] to match projected " + shape + ", but is " + pos.shape());
        if (ids == null) {
            Checks.that(
                    pos.shape().size(1) == 1 + count,
                    "embedTokens",
                    "without ids, pos must have " + (1 + count) + " rows, but is " + pos.shape());
        } else {
            Checks.matches("embedTokens", "ids", ids.shape(), "projected", shape, sequences, count);
        }
        Tape tape = projected.tape();
        Tensor tokens = tape.empty(projected.dtype(), sequences, 1 + count, width);
        tape.backend().embedTokensForward(tokens, projected, cls.value(), pos.value(), ids);
        return tape.record(
                new EmbedTokensOp(projected, cls, pos, ids),
                tokens,
                projected.needsGradient() || cls.trainable() || pos.trainable());
    }

    @Override
    public void backward(Tensor dtokens, Gradients gradients) {
        Tensor dprojected = projected.tape().emptyLike(projected);
        projected
                .tape()
                .backend()
                .embedTokensBackward(
                        dprojected,
                        cls.trainable() ? cls.grad() : null,
                        pos.trainable() ? pos.grad() : null,
                        dtokens,
                        ids);
        gradients.add(projected, dprojected);
    }
}
