package sdae.tensor.cuda;

import sdae.tensor.Shape;
import sdae.tensor.Tensor;

/** Patches and tokens on their way through the masks. */
abstract class CudaTokens extends CudaProducts {
    private final Lazy patchMask = kernel("patch_mask");
    private final Pair patchGather = pair("patch_gather");
    private final Pair embedTokensForward = pair("embed_tokens_forward");
    private final Pair embedTokensBackward = pair("embed_tokens_backward");
    private final Pair embedTokensBackwardSum = pair("embed_tokens_backward_sum");
    private final Pair unshuffleForward = pair("unshuffle_forward");
    private final Pair unshuffleBackward = pair("unshuffle_backward");
    private final Lazy unshuffleBackwardSum = kernel("unshuffle_backward_sum");
    private final Pair gatherTokensForward = pair("gather_tokens_forward");
    private final Pair gatherTokensBackward = pair("gather_tokens_backward");
    private final Pair meanPoolForward = pair("mean_pool_forward");
    private final Pair meanPoolBackward = pair("mean_pool_backward");
    private final Pair classTokenForward = pair("class_token_forward");
    private final Pair classTokenBackward = pair("class_token_backward");

    CudaTokens(boolean simulated) {
        super(simulated);
    }

    @Override
    public void patchMask(Tensor idsKeep, Tensor idsMasked, Tensor idsRestore, Tensor noise) {
        int batch = noise.shape().size(0);
        begin(patchMask)
                .i32(idsKeep, idsMasked, idsRestore)
                .f32(noise)
                .size(batch, noise.shape().size(1))
                .size(idsKeep.shape().size(1), idsMasked.shape().size(1))
                .launch(batch, 1, 1);
    }

    @Override
    public void patchGather(Tensor patches, Tensor images, Tensor ids, int patch) {
        Shape shape = images.shape();
        begin(patchGather, patches)
                .storage(patches)
                .f32(images)
                .i32OrNull(ids)
                .size(shape.size(0), shape.size(1), shape.size(2), shape.size(3))
                .size(patch, patches.shape().size(1))
                .launch(patches.shape().rows(), 1, 1);
    }

    @Override
    public void embedTokensForward(Tensor tokens, Tensor projected, Tensor cls, Tensor pos, Tensor ids) {
        Shape shape = projected.shape();
        begin(embedTokensForward, projected)
                .storage(tokens, projected)
                .f32(cls, pos)
                .i32OrNull(ids)
                .size(shape.size(0), shape.size(1), shape.last())
                .launch(tokens.shape().rows(), 1, 1);
    }

    @Override
    public void embedTokensBackward(Tensor dprojected, Tensor dcls, Tensor dpos, Tensor dtokens, Tensor ids) {
        Shape shape = dprojected.shape();
        begin(embedTokensBackward, dtokens)
                .storage(dprojected)
                .f32OrNull(dcls)
                .f32OrNull(dpos)
                .storage(dtokens)
                .i32OrNull(ids)
                .size(shape.size(0), shape.size(1), shape.last())
                .launch(shape.rows(), 1, 1);
        if (dcls != null || dpos != null) {
            begin(embedTokensBackwardSum, dtokens)
                    .f32OrNull(dcls)
                    .f32OrNull(dpos)
                    .storage(dtokens)
                    .i32OrNull(ids)
                    .size(shape.size(0), shape.size(1), shape.last())
                    .launch(dpos == null ? 1 : dpos.count() / shape.last(), shape.last(), 1);
        }
    }

    @Override
    public void unshuffleForward(Tensor y, Tensor x, Tensor maskToken, Tensor pos, Tensor idsRestore) {
        int batch = x.shape().size(0);
        int tokens = y.shape().size(1);
        begin(unshuffleForward, x)
                .storage(y, x)
                .f32(maskToken, pos)
                .i32(idsRestore)
                .size(batch, tokens - 1, x.shape().size(1) - 1, x.shape().last())
                .launch(tokens, batch, 1);
    }

    @Override
    public void unshuffleBackward(Tensor dx, Tensor dmaskToken, Tensor dy, Tensor idsRestore) {
        int batch = dx.shape().size(0);
        int cols = dx.shape().last();
        long partial = workspace((long) Float.BYTES * batch * cols);
        begin(unshuffleBackward, dy)
                .storage(dx)
                .f32(dmaskToken)
                .storage(dy)
                .i32(idsRestore)
                .size(batch, dy.shape().size(1) - 1, dx.shape().size(1) - 1, cols)
                .address(partial)
                .launch(batch, cols, 1);
        begin(unshuffleBackwardSum)
                .f32(dmaskToken)
                .address(partial)
                .size(batch, cols)
                .launch(cols, 1, 1);
    }

    @Override
    public void gatherTokensForward(Tensor y, Tensor x, Tensor ids) {
        begin(gatherTokensForward, x)
                .storage(y, x)
                .i32(ids)
                .size(
                        x.shape().size(0),
                        x.shape().size(1) - 1,
                        y.shape().size(1),
                        x.shape().last())
                .launch(y.shape().rows(), 1, 1);
    }

    @Override
    public void gatherTokensBackward(Tensor dx, Tensor dy, Tensor idsRestore, int first) {
        begin(gatherTokensBackward, dy)
                .storage(dx, dy)
                .i32(idsRestore)
                .size(dx.shape().size(0), dx.shape().size(1) - 1, first)
                .size(dy.shape().size(1), dx.shape().last())
                .launch(dx.shape().rows(), 1, 1);
    }

    @Override
    public void meanPoolForward(Tensor y, Tensor x) {
        move(meanPoolForward, y, x, x.shape(), x.shape().size(0), x.shape().last());
    }

    @Override
    public void meanPoolBackward(Tensor dx, Tensor dy) {
        move(meanPoolBackward, dx, dy, dx.shape(), dx.shape().rows(), 1);
    }

    @Override
    public void classTokenForward(Tensor y, Tensor x) {
        move(classTokenForward, y, x, x.shape(), y.shape().rows(), 1);
    }

    @Override
    public void classTokenBackward(Tensor dx, Tensor dy) {
        move(classTokenBackward, dx, dy, dx.shape(), dx.shape().rows(), 1);
    }

    /** Between tokens [B, N, D] of that shape and one row a sample. */
    private void move(Pair kernel, Tensor to, Tensor from, Shape tokens, int itemsX, int itemsY) {
        begin(kernel, from)
                .storage(to, from)
                .size(tokens.size(0), tokens.size(1), tokens.last())
                .launch(itemsX, itemsY, 1);
    }
}
