package sdae.tensor;

import sdae.kernels.Kernels;
import sdae.kernels.Native;

/** The CPU: one native call a method. */
public final class CpuBackend implements Backend {
    public CpuBackend() {
        Kernels.load();
    }

    @Override
    public String name() {
        return "cpu";
    }

    @Override
    public long allocate(long bytes) {
        return Native.sk_alloc(bytes);
    }

    @Override
    public void free(long address) {
        Native.sk_free(address);
    }

    @Override
    public long liveBytes() {
        return Native.sk_live_bytes();
    }

    @Override
    public void copy(long to, long from, long bytes) {
        Native.sk_copy(to, from, bytes);
    }

    @Override
    public void upload(long to, float[] from, int offset, int count) {
        Native.sk_upload_floats(to, from, offset, count);
    }

    @Override
    public void upload(long to, int[] from, int offset, int count) {
        Native.sk_upload_ints(to, from, offset, count);
    }

    @Override
    public void download(float[] to, int offset, long from, int count) {
        Native.sk_download_floats(to, offset, from, count);
    }

    @Override
    public void download(int[] to, int offset, long from, int count) {
        Native.sk_download_ints(to, offset, from, count);
    }

    @Override
    public void fill(Tensor y, float value) {
        Native.sk_fill(any(y, y), y.count(), value, dtype(y));
    }

    @Override
    public void fillFloats(long address, long n, float value) {
        Native.sk_fill(address, n, value, Native.SK_F32);
    }

    @Override
    public void add(Tensor y, Tensor x) {
        Native.sk_add(any(y, x), any(x, x), y.count(), dtype(x));
    }

    @Override
    public void scale(Tensor y, float scale) {
        Native.sk_scale(any(y, y), y.count(), scale, dtype(y));
    }

    @Override
    public void cast(Tensor y, Tensor x) {
        if (y.dtype() == DType.BF16) {
            Native.sk_cast_f32_bf16(low(y), f(x), y.count());
        } else {
            Native.sk_cast_bf16_f32(f(y), low(x), y.count());
        }
    }

    @Override
    public void randomUniform(Tensor out, Tensor ids, Tensor key) {
        Native.sk_random_uniform(
                f(out), i(ids), i(key), out.shape().rows(), out.shape().last());
    }

    @Override
    public void linearForward(Tensor y, Tensor x, Tensor weight, Tensor bias) {
        Native.sk_linear_forward(
                any(y, x),
                any(x, x),
                any(weight, x),
                optional(bias),
                x.shape().rows(),
                x.shape().last(),
                y.shape().last(),
                dtype(x));
    }

    @Override
    public void linearGeluForward(Tensor y, Tensor pre, Tensor x, Tensor weight, Tensor bias) {
        Native.sk_linear_gelu_forward(
                any(y, x),
                pre == null ? 0 : any(pre, x),
                any(x, x),
                any(weight, x),
                f(bias),
                x.shape().rows(),
                x.shape().last(),
                y.shape().last(),
                dtype(x));
    }

    @Override
    public void linearResidualForward(Tensor y, Tensor x, Tensor weight, Tensor bias, Tensor residual, Tensor scale) {
        Native.sk_linear_residual_forward(
                any(y, x),
                any(x, x),
                any(weight, x),
                f(bias),
                any(residual, x),
                optional(scale),
                x.shape().rows(),
                x.shape().last(),
                y.shape().last(),
                scale == null ? 1 : x.shape().rows() / scale.count(),
                dtype(x));
    }

    @Override
    public void linearBackwardInput(Tensor dx, Tensor dy, Tensor weight) {
        Native.sk_linear_backward_input(
                any(dx, dy),
                any(dy, dy),
                any(weight, dy),
                dy.shape().rows(),
                dx.shape().last(),
                dy.shape().last(),
                dtype(dy));
    }

    @Override
    public void linearBackwardWeight(Tensor dweight, Tensor dbias, Tensor dy, Tensor x) {
        Native.sk_linear_backward_weight(
                f(dweight),
                optional(dbias),
                any(dy, dy),
                any(x, dy),
                dy.shape().rows(),
                x.shape().last(),
                dy.shape().last(),
                dtype(dy));
    }

    @Override
    public void attentionForward(Tensor out, Tensor lse, Tensor qkv) {
        Native.sk_attention_forward(
                any(out, qkv),
                f(lse),
                any(qkv, qkv),
                qkv.shape().size(0),
                qkv.shape().size(1),
                qkv.shape().size(3),
                qkv.shape().size(4),
                dtype(qkv));
    }

    @Override
    public void attentionBackward(Tensor dqkv, Tensor dout, Tensor qkv, Tensor out, Tensor lse) {
        Native.sk_attention_backward(
                any(dqkv, qkv),
                any(dout, qkv),
                any(qkv, qkv),
                any(out, qkv),
                f(lse),
                qkv.shape().size(0),
                qkv.shape().size(1),
                qkv.shape().size(3),
                qkv.shape().size(4),
                dtype(qkv));
    }

    @Override
    public void layerNormForward(Tensor y, Tensor mean, Tensor rstd, Tensor x, Tensor gamma, Tensor beta, float eps) {
        Native.sk_layer_norm_forward(
                any(y, x),
                f(mean),
                f(rstd),
                any(x, x),
                f(gamma),
                f(beta),
                x.shape().rows(),
                x.shape().last(),
                eps,
                dtype(x));
    }

    @Override
    public void layerNormBackward(
            Tensor dx, Tensor dgamma, Tensor dbeta, Tensor dy, Tensor x, Tensor gamma, Tensor mean, Tensor rstd) {
        Native.sk_layer_norm_backward(
                any(dx, x),
                f(dgamma),
                f(dbeta),
                any(dy, x),
                any(x, x),
                f(gamma),
                f(mean),
                f(rstd),
                x.shape().rows(),
                x.shape().last(),
                dtype(x));
    }

    @Override
    public void geluForward(Tensor y, Tensor x) {
        Native.sk_gelu_forward(any(y, x), any(x, x), x.count(), dtype(x));
    }

    @Override
    public void geluBackward(Tensor dx, Tensor dy, Tensor x) {
        Native.sk_gelu_backward(any(dx, x), any(dy, x), any(x, x), x.count(), dtype(x));
    }

    @Override
    public void residualForward(Tensor y, Tensor x, Tensor branch, Tensor scale) {
        Native.sk_residual_forward(
                any(y, x),
                any(x, x),
                any(branch, x),
                optional(scale),
                samples(scale),
                x.count() / samples(scale),
                dtype(x));
    }

    @Override
    public void residualBackward(Tensor dbranch, Tensor dy, Tensor scale) {
        Native.sk_residual_backward(
                any(dbranch, dy), any(dy, dy), optional(scale), samples(scale), dy.count() / samples(scale), dtype(dy));
    }

    @Override
    public void dropPathScale(Tensor scale, Tensor uniform, float rate) {
        Native.sk_drop_path_scale(f(scale), f(uniform), scale.count(), rate);
    }

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

    @Override
    public void cosineLossForward(Tensor loss, Tensor stats, Tensor pred, Tensor teacher, int axis, boolean center) {
        Native.sk_cosine_loss_forward(
                f(loss),
                f(stats),
                any(pred, pred),
                any(teacher, pred),
                pred.shape().size(0),
                pred.shape().size(1),
                pred.shape().last(),
                skip(pred, teacher),
                axis,
                center ? 1 : 0,
                dtype(pred));
    }

    @Override
    public void cosineLossBackward(
            Tensor dpred, Tensor dloss, Tensor stats, Tensor pred, Tensor teacher, int axis, boolean center) {
        Native.sk_cosine_loss_backward(
                any(dpred, pred),
                f(dloss),
                f(stats),
                any(pred, pred),
                any(teacher, pred),
                pred.shape().size(0),
                pred.shape().size(1),
                pred.shape().last(),
                skip(pred, teacher),
                axis,
                center ? 1 : 0,
                dtype(pred));
    }

    @Override
    public void normalizeTarget(Tensor target, Tensor teacher) {
        Native.sk_normalize_target(
                any(target, teacher),
                any(teacher, teacher),
                target.shape().size(0),
                target.shape().size(1),
                target.shape().last(),
                skip(target, teacher),
                dtype(teacher));
    }

    @Override
    public void regressionLossForward(Tensor loss, Tensor stats, Tensor pred, Tensor teacher, int kind) {
        Native.sk_regression_loss_forward(
                f(loss),
                f(stats),
                any(pred, pred),
                any(teacher, pred),
                pred.shape().size(0),
                pred.shape().size(1),
                pred.shape().last(),
                skip(pred, teacher),
                kind,
                dtype(pred));
    }

    @Override
    public void regressionLossBackward(
            Tensor dpred, Tensor dloss, Tensor stats, Tensor pred, Tensor teacher, int kind) {
        Native.sk_regression_loss_backward(
                any(dpred, pred),
                f(dloss),
                f(stats),
                any(pred, pred),
                any(teacher, pred),
                pred.shape().size(0),
                pred.shape().size(1),
                pred.shape().last(),
                skip(pred, teacher),
                kind,
                dtype(pred));
    }

    @Override
    public void pixelLossForward(
            Tensor loss, Tensor stats, Tensor pred, Tensor images, Tensor ids, int patch, boolean normPix) {
        Native.sk_pixel_loss_forward(
                f(loss),
                f(stats),
                any(pred, pred),
                f(images),
                i(ids),
                images.shape().size(0),
                images.shape().size(1),
                images.shape().size(2),
                images.shape().size(3),
                patch,
                ids.shape().size(1),
                normPix ? 1 : 0,
                dtype(pred));
    }

    @Override
    public void pixelLossBackward(
            Tensor dpred,
            Tensor dloss,
            Tensor stats,
            Tensor pred,
            Tensor images,
            Tensor ids,
            int patch,
            boolean normPix) {
        Native.sk_pixel_loss_backward(
                any(dpred, pred),
                f(dloss),
                f(stats),
                any(pred, pred),
                f(images),
                i(ids),
                images.shape().size(0),
                images.shape().size(1),
                images.shape().size(2),
                images.shape().size(3),
                patch,
                ids.shape().size(1),
                normPix ? 1 : 0,
                dtype(pred));
    }

    @Override
    public void crossEntropyForward(Tensor loss, Tensor lse, Tensor logits, Tensor target) {
        Native.sk_cross_entropy_forward(
                f(loss),
                f(lse),
                any(logits, logits),
                f(target),
                logits.shape().rows(),
                logits.shape().last(),
                dtype(logits));
    }

    @Override
    public void crossEntropyBackward(Tensor dlogits, Tensor dloss, Tensor lse, Tensor logits, Tensor target) {
        Native.sk_cross_entropy_backward(
                any(dlogits, logits),
                f(dloss),
                f(lse),
                any(logits, logits),
                f(target),
                logits.shape().rows(),
                logits.shape().last(),
                dtype(logits));
    }

    @Override
    public void batchNormForward(
            Tensor y,
            Tensor mean,
            Tensor rstd,
            Tensor runningMean,
            Tensor runningVar,
            Tensor x,
            float eps,
            float momentum,
            boolean training) {
        Native.sk_batch_norm_forward(
                any(y, x),
                f(mean),
                f(rstd),
                f(runningMean),
                f(runningVar),
                any(x, x),
                x.shape().rows(),
                x.shape().last(),
                eps,
                momentum,
                training ? 1 : 0,
                dtype(x));
    }

    @Override
    public void batchNormBackward(Tensor dx, Tensor dy, Tensor x, Tensor mean, Tensor rstd) {
        Native.sk_batch_norm_backward(
                any(dx, x),
                any(dy, x),
                any(x, x),
                f(mean),
                f(rstd),
                x.shape().rows(),
                x.shape().last(),
                dtype(x));
    }

    @Override
    public void adamw(
            Tensor param,
            Tensor low,
            Tensor m,
            Tensor v,
            Tensor grad,
            Tensor teacher,
            Tensor teacherLow,
            Tensor hyper,
            Tensor momentum) {
        Native.sk_adamw(
                f(param),
                low(low),
                f(m),
                f(v),
                f(grad),
                optional(teacher),
                low(teacherLow),
                f(hyper),
                optional(momentum),
                param.count());
    }

    @Override
    public void lars(Tensor param, Tensor mu, Tensor grad, Tensor hyper, boolean adapt) {
        Native.sk_lars(f(param), f(mu), f(grad), f(hyper), param.count(), adapt ? 1 : 0);
    }

    @Override
    public void ema(Tensor teacher, Tensor low, Tensor student, Tensor momentum) {
        Native.sk_ema(f(teacher), low(low), f(student), f(momentum), teacher.count());
    }

    @Override
    public double sumSquares(Tensor x) {
        return Native.sk_sum_squares(f(x), x.count());
    }

    /** The address of an F32 tensor. */
    private static long f(Tensor t) {
        if (t.dtype() != DType.F32) {
            throw new IllegalArgumentException(
                    "cpu: this argument of the kernel is an F32 tensor on every device, but is " + t);
        }
        return t.address();
    }

    /** The address of a BF16 copy; 0 for none. */
    private static long low(Tensor t) {
        if (t != null && t.dtype() != DType.BF16) {
            throw new IllegalArgumentException("cpu: this kernel takes a BF16 copy, but got " + t);
        }
        return t == null ? 0 : t.address();
    }

    /** The address of an activation that is stored like another one of the call. */
    private static long any(Tensor t, Tensor like) {
        if (t.dtype() != like.dtype() || t.dtype() == DType.I32) {
            throw new IllegalArgumentException(
                    "cpu: activations of a kernel are all F32 or all BF16, but got " + t + " with " + like);
        }
        return t.address();
    }

    /** How activations are stored, as the kernels name it. */
    private static int dtype(Tensor t) {
        return t.dtype() == DType.BF16 ? Native.SK_BF16 : Native.SK_F32;
    }

    private static long optional(Tensor t) {
        return t == null ? 0 : f(t);
    }

    /** The address of an I32 tensor. */
    private static long i(Tensor t) {
        if (t.dtype() != DType.I32) {
            throw new IllegalArgumentException("cpu: this kernel takes I32 ids, but got " + t);
        }
        return t.address();
    }

    private static int samples(Tensor scale) {
        return scale == null ? 1 : scale.count();
    }

    private static int skip(Tensor pred, Tensor teacher) {
        return teacher.shape().size(1) - pred.shape().size(1);
    }
}
