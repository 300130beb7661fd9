package sdae.tensor;

import sdae.kernels.Native;

/** The kernels of patches and tokens on the CPU: masks, gathers, embeddings, pooling. */
abstract class CpuTokens extends CpuDense {
    @Override
    public void patchMask(Tensor idsKeep, Tensor idsMasked, Tensor idsRestore, Tensor noise) {
        Native.sk_patch_mask(
                i(idsKeep),
                i(idsMasked),
                i(idsRestore),
                f(noise),
                noise.shape().size(0),
                noise.shape().size(1),
                idsKeep.shape().size(1),
                idsMasked.shape().size(1));
    }

    @Override
    public void patchGather(Tensor patches, Tensor images, Tensor ids, int patch) {
        Native.sk_patch_gather(
                any(patches, patches),
                f(images),
                ids == null ? 0 : i(ids),
                images.shape().size(0),
                images.shape().size(1),
                images.shape().size(2),
                images.shape().size(3),
                patch,
                patches.shape().size(1),
                dtype(patches));
    }

    @Override
    public void embedTokensForward(Tensor tokens, Tensor projected, Tensor cls, Tensor pos, Tensor ids) {
        Native.sk_embed_tokens_forward(
                any(tokens, projected),
                any(projected, projected),
                f(cls),
                f(pos),
                ids == null ? 0 : i(ids),
                projected.shape().size(0),
                projected.shape().size(1),
                projected.shape().last(),
                dtype(projected));
    }

    @Override
    public void embedTokensBackward(Tensor dprojected, Tensor dcls, Tensor dpos, Tensor dtokens, Tensor ids) {
        Native.sk_embed_tokens_backward(
                any(dprojected, dtokens),
                optional(dcls),
                optional(dpos),
                any(dtokens, dtokens),
                ids == null ? 0 : i(ids),
                dprojected.shape().size(0),
                dprojected.shape().size(1),
                dprojected.shape().last(),
                dtype(dtokens));
    }

    @Override
    public void unshuffleForward(Tensor y, Tensor x, Tensor maskToken, Tensor pos, Tensor idsRestore) {
        Native.sk_unshuffle_forward(
                any(y, x),
                any(x, x),
                f(maskToken),
                f(pos),
                i(idsRestore),
                x.shape().size(0),
                y.shape().size(1) - 1,
                x.shape().size(1) - 1,
                x.shape().last(),
                dtype(x));
    }

    @Override
    public void unshuffleBackward(Tensor dx, Tensor dmaskToken, Tensor dy, Tensor idsRestore) {
        Native.sk_unshuffle_backward(
                any(dx, dy),
                f(dmaskToken),
                any(dy, dy),
                i(idsRestore),
                dx.shape().size(0),
                dy.shape().size(1) - 1,
                dx.shape().size(1) - 1,
                dx.shape().last(),
                dtype(dy));
    }

    @Override
    public void gatherTokensForward(Tensor y, Tensor x, Tensor ids) {
        Native.sk_gather_tokens_forward(
                any(y, x),
                any(x, x),
                i(ids),
                x.shape().size(0),
                x.shape().size(1) - 1,
                y.shape().size(1),
                x.shape().last(),
                dtype(x));
    }

    @Override
    public void gatherTokensBackward(Tensor dx, Tensor dy, Tensor idsRestore, int first) {
        Native.sk_gather_tokens_backward(
                any(dx, dy),
                any(dy, dy),
                i(idsRestore),
                dx.shape().size(0),
                dx.shape().size(1) - 1,
                first,
                dy.shape().size(1),
                dx.shape().last(),
                dtype(dy));
    }

    @Override
    public void meanPoolForward(Tensor y, Tensor x) {
        Native.sk_mean_pool_forward(
                any(y, x),
                any(x, x),
                x.shape().size(0),
                x.shape().size(1),
                x.shape().last(),
                dtype(x));
    }

    @Override
    public void meanPoolBackward(Tensor dx, Tensor dy) {
        Native.sk_mean_pool_backward(
                any(dx, dy),
                any(dy, dy),
                dx.shape().size(0),
                dx.shape().size(1),
                dx.shape().last(),
                dtype(dy));
    }

    @Override
    public void classTokenForward(Tensor y, Tensor x) {
        Native.sk_class_token_forward(
                any(y, x),
                any(x, x),
                x.shape().size(0),
                x.shape().size(1),
                x.shape().last(),
                dtype(x));
    }

    @Override
    public void classTokenBackward(Tensor dx, Tensor dy) {
        Native.sk_class_token_backward(
                any(dx, dy),
                any(dy, dy),
                dx.shape().size(0),
                dx.shape().size(1),
                dx.shape().last(),
                dtype(dy));
    }
}
