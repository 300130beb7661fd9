package sdae.nn;

import java.util.List;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import sdae.tensor.Checks;
import sdae.tensor.Parameter;
import sdae.tensor.Shape;
import sdae.tensor.Tape;
import sdae.tensor.Tensor;
import sdae.tensor.op.AttentionOp;

/**
 * One pre-norm transformer block of timm's ViT: x += proj(attention(norm1(x))), x += fc2(gelu(fc1(norm2(x)))). Both branches
 * take a per-sample drop-path scale.
 */
public final class Block {
    private final int heads;
    private final LayerNorm norm1;
    private final Linear qkv;
    private final Linear proj;
    private final LayerNorm norm2;
    private final Linear fc1;
    private final Linear fc2;

    /**
     * @param prefix e.g. {@code blocks.0}
     * @throws IllegalArgumentException when heads does not divide width
     */
    public Block(String prefix, int width, int heads, int mlpWidth) {
        Checks.that(
                heads > 0 && width % heads == 0,
                "block",
                "heads must divide the width, but " + heads + " heads and width " + width + " leave "
                        + width % Math.max(1, heads));
        this.heads = heads;
        norm1 = LayerNorm.of(prefix + ".norm1", width);
        qkv = Linear.of(prefix + ".attn.qkv", width, 3 * width);
        proj = Linear.of(prefix + ".attn.proj", width, width);
        norm2 = LayerNorm.of(prefix + ".norm2", width);
        fc1 = Linear.of(prefix + ".mlp.fc1", width, mlpWidth);
        fc2 = Linear.of(prefix + ".mlp.fc2", mlpWidth, width);
    }

    /**
     * x [B, N, D] to the same; the scales [B] are nullable. Without recording, its temporaries are freed at once; recording, they
     * are kept or {@linkplain Tape#recomputable computed again}, as the step's arena says.
     */
    public Tensor forward(Tensor x, Tensor attentionScale, Tensor mlpScale) {
        UnaryOperator<Tensor> body = in -> mlp(attention(in, attentionScale, UnaryOperator.identity()), mlpScale);
        Tape tape = x.tape();
        return tape.recording() ? tape.recomputable(x, body) : tape.scoped(() -> body.apply(x));
    }

    /** Queries, keys and values of the tokens x [B, N, D]: [B, N, 3, H, Dh]. */
    public Tensor queriesKeysValues(Tensor x) {
        Shape shape = x.shape();
        return qkv.forward(norm1.forward(x)).reshape(shape.size(0), shape.size(1), 3, heads, shape.size(2) / heads);
    }

    /**
     * The block's output at some tokens alone, [B, n, D], for a last block whose other tokens nobody reads: keys and values come
     * from all tokens, but after attention every token goes on by itself.
     *
     * @param pick takes the tokens out of [B, N, D]
     */
    public Tensor forwardAt(Tensor x, UnaryOperator<Tensor> pick) {
        return mlp(attention(x, null, pick), null);
    }

    private Tensor attention(Tensor x, Tensor scale, UnaryOperator<Tensor> pick) {
        Tensor mixed = AttentionOp.apply(queriesKeysValues(x)).reshape(x.shape().sizes());
        return proj.forwardResidual(pick.apply(mixed), pick.apply(x), scale);
    }

    private Tensor mlp(Tensor x, Tensor scale) {
        return fc1.forwardMlp(norm2.forward(x), fc2, x, scale);
    }

    public List<Parameter> parameters() {
        return Stream.of(
                        norm1.parameters(),
                        qkv.parameters(),
                        proj.parameters(),
                        norm2.parameters(),
                        fc1.parameters(),
                        fc2.parameters())
                .flatMap(List::stream)
                .toList();
    }
}
