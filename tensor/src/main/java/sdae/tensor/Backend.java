package sdae.tensor;

/**
 * A device: its memory and its kernels. A method is one kernel launch; it takes outputs, saved statistics, inputs,
 * parameters, then scalars, and reads all sizes from the shapes (checked by the ops). Backward methods write activation
 * gradients and add to parameter gradients. Shapes use the letters of {@code sdae_kernels.h}.
 *
 * <p>Activations, their gradients and weight matrices are all F32 or all BF16; everything else is F32, ids and keys I32.
 */
public interface Backend {
    /** The name users give: {@code cpu}, {@code cuda} or {@code cuda-sim}. */
    String name();

    /** Zeroed, 64-byte aligned device memory, counted; throws when the limit would be passed. */
    long allocate(long bytes);

    /** Frees memory of {@link #allocate}; 0 is ignored. */
    void free(long address);

    /** Bytes allocated and not freed, over all of the process. */
    long liveBytes();

    void copy(long to, long from, long bytes);

    void upload(long to, float[] from, int offset, int count);

    void upload(long to, int[] from, int offset, int count);

    void download(float[] to, int offset, long from, int count);

    void download(int[] to, int offset, long from, int count);

    /**
     * Records the launches of body, which run when the graph does; or returns null, without calling body: the device has no
     * graphs. Body may not allocate device memory, upload or download, and the memory that it uses must outlive the graph.
     */
    default Graph capture(Runnable body) {
        return null;
    }

    /** y = value. */
    void fill(Tensor y, float value);

    /** n F32 values at a raw address = value. */
    void fillFloats(long address, long n, float value);

    /** y += x. */
    void add(Tensor y, Tensor x);

    /** y *= scale. */
    void scale(Tensor y, float scale);

    /** y = x, one F32 and one BF16; rounds to nearest even. */
    void cast(Tensor y, Tensor x);

    /** out [rows, cols] = uniform in [0, 1): see {@link Philox}. ids [rows] I32, key I32 [4] = {seed low, seed high, epoch, purpose}. */
    void randomUniform(Tensor out, Tensor ids, Tensor key);

    /** y [R, out] = x [R, in] weight [out, in]^T + bias [out]; bias nullable. */
    void linearForward(Tensor y, Tensor x, Tensor weight, Tensor bias);

    /** pre = x weight^T + bias, y = gelu(pre); pre nullable. */
    void linearGeluForward(Tensor y, Tensor pre, Tensor x, Tensor weight, Tensor bias);

    /** y = residual + scale[sample] * (x weight^T + bias); scale [samples] nullable, rows divide evenly among the samples. */
    void linearResidualForward(Tensor y, Tensor x, Tensor weight, Tensor bias, Tensor residual, Tensor scale);

    /** dx = dy weight. */
    void linearBackwardInput(Tensor dx, Tensor dy, Tensor weight);

    /** dweight += dy^T x, dbias += column sums of dy; dbias nullable. */
    void linearBackwardWeight(Tensor dweight, Tensor dbias, Tensor dy, Tensor x);

    /** out [B, N, H, Dh] = softmax(q k^T / sqrt(Dh)) v, lse [B, H, N]; qkv [B, N, 3, H, Dh]. */
    void attentionForward(Tensor out, Tensor lse, Tensor qkv);

    /** dqkv written. */
    void attentionBackward(Tensor dqkv, Tensor dout, Tensor qkv, Tensor out, Tensor lse);

    /** y = (x - mean) * rstd * gamma + beta over the last size; mean, rstd [rows]. */
    void layerNormForward(Tensor y, Tensor mean, Tensor rstd, Tensor x, Tensor gamma, Tensor beta, float eps);

    /** dx written; dgamma, dbeta added to. */
    void layerNormBackward(
            Tensor dx, Tensor dgamma, Tensor dbeta, Tensor dy, Tensor x, Tensor gamma, Tensor mean, Tensor rstd);

    /** y = x/2 (1 + erf(x / sqrt 2)). */
    void geluForward(Tensor y, Tensor x);

    /** dx = dy * gelu'(x), y = gelu(x); dx may be dy, y may be null or x. */
    void geluBackward(Tensor dx, Tensor y, Tensor dy, Tensor x);

    /** y = x + scale[sample] * branch; the first size is the sample; scale nullable. */
    void residualForward(Tensor y, Tensor x, Tensor branch, Tensor scale);

    /** dbranch = scale[sample] * dy. */
    void residualBackward(Tensor dbranch, Tensor dy, Tensor scale);

    /** scale[i] = floor(1 - rate + uniform[i]) / (1 - rate). */
    void dropPathScale(Tensor scale, Tensor uniform, float rate);

    /** Ranks the noise [B, L]: idsKeep [B, V], idsMasked [B, used], idsRestore [B, L], all I32. */
    void patchMask(Tensor idsKeep, Tensor idsMasked, Tensor idsRestore, Tensor noise);

    /** patches [B, n, C*p*p] (channel, row, column) = the patches ids [B, n] (nullable: all) of images [B, C, height, width]. */
    void patchGather(Tensor patches, Tensor images, Tensor ids, int patch);

    /** tokens [S, 1+n, D]: class token and position rows added to projected [S, n, D]; ids [S, n] nullable. */
    void embedTokensForward(Tensor tokens, Tensor projected, Tensor cls, Tensor pos, Tensor ids);

    /** dprojected written; dcls, dpos (nullable) added to. */
    void embedTokensBackward(Tensor dprojected, Tensor dcls, Tensor dpos, Tensor dtokens, Tensor ids);

    /** y [B, 1+L, D]: x [B, 1+V, D] back in image order, mask_token elsewhere, plus pos [1+L, D]; idsRestore [B, L]. */
    void unshuffleForward(Tensor y, Tensor x, Tensor maskToken, Tensor pos, Tensor idsRestore);

    /** dx written; dmaskToken added to. */
    void unshuffleBackward(Tensor dx, Tensor dmaskToken, Tensor dy, Tensor idsRestore);

    /** y [B, M, D] = x[b, 1 + ids[b, i]]; x [B, 1+L, D]. */
    void gatherTokensForward(Tensor y, Tensor x, Tensor ids);

    /** dx: the tokens of rank first..first+M-1 get dy, all others 0. */
    void gatherTokensBackward(Tensor dx, Tensor dy, Tensor idsRestore, int first);

    /** y [B, D] = mean of x[b, 1..]; x [B, N, D]. */
    void meanPoolForward(Tensor y, Tensor x);

    /** dx written. */
    void meanPoolBackward(Tensor dx, Tensor dy);

    /** y [B, D] = x[b, 0]; x [B, N, D]. */
    void classTokenForward(Tensor y, Tensor x);

    /** dx written, zeros but for row 0. */
    void classTokenBackward(Tensor dx, Tensor dy);

    /** loss [1] = 1 - mean cosine of pred [F, n, D] and the standardised teacher [F, skip+n, D]; axis 0 tokens, 1 channels; stats as in the kernel header. */
    void cosineLossForward(Tensor loss, Tensor stats, Tensor pred, Tensor teacher, int axis, boolean center);

    /** dpred written. */
    void cosineLossBackward(
            Tensor dpred, Tensor dloss, Tensor stats, Tensor pred, Tensor teacher, int axis, boolean center);

    /** target [F, n, D] = the standardised teacher tokens. */
    void normalizeTarget(Tensor target, Tensor teacher);

    /** loss [1] = mean squared error (kind 0) or smooth L1 (kind 1) against the standardised teacher; stats [2*F*n]. */
    void regressionLossForward(Tensor loss, Tensor stats, Tensor pred, Tensor teacher, int kind);

    /** dpred written. */
    void regressionLossBackward(Tensor dpred, Tensor dloss, Tensor stats, Tensor pred, Tensor teacher, int kind);

    /** loss [1] of pred [B, M, p*p*C] (row, column, channel) against the patches ids [B, M] of images; stats [2*B*M]. */
    void pixelLossForward(
            Tensor loss, Tensor stats, Tensor pred, Tensor images, Tensor ids, int patch, boolean normPix);

    /** dpred written. */
    void pixelLossBackward(
            Tensor dpred,
            Tensor dloss,
            Tensor stats,
            Tensor pred,
            Tensor images,
            Tensor ids,
            int patch,
            boolean normPix);

    /** loss [1] = mean over rows of -sum target * log softmax(logits); logits, target [R, C]; lse [R]. */
    void crossEntropyForward(Tensor loss, Tensor lse, Tensor logits, Tensor target);

    /** dlogits written. */
    void crossEntropyBackward(Tensor dlogits, Tensor dloss, Tensor lse, Tensor logits, Tensor target);

    /** Batch norm without affine terms; mean, rstd, runningMean, runningVar [D]; training moves the running values. */
    void batchNormForward(
            Tensor y,
            Tensor mean,
            Tensor rstd,
            Tensor runningMean,
            Tensor runningVar,
            Tensor x,
            float eps,
            float momentum,
            boolean training);

    /** dx written (training form). */
    void batchNormBackward(Tensor dx, Tensor dy, Tensor x, Tensor mean, Tensor rstd);

    /**
     * One AdamW step over a flat range and what follows it: low = BF16 of param, grad = 0, teacher += (1 - momentum[0]) *
     * (param - teacher), teacherLow = BF16 of teacher; low, teacher and teacherLow nullable. hyper [8] = {lr, beta1, beta2,
     * eps, weight decay, 1 - beta1^t, 1 - beta2^t, gradient scale}.
     */
    void adamw(
            Tensor param,
            Tensor low,
            Tensor m,
            Tensor v,
            Tensor grad,
            Tensor teacher,
            Tensor teacherLow,
            Tensor hyper,
            Tensor momentum);

    /** One LARS step of one tensor; hyper [4] = {lr, momentum, trust, weight decay}; adapt false leaves scaling and decay out. */
    void lars(Tensor param, Tensor mu, Tensor grad, Tensor hyper, boolean adapt);

    /** teacher += (1 - momentum[0]) * (student - teacher), flat; low = BF16 of teacher, nullable. */
    void ema(Tensor teacher, Tensor low, Tensor student, Tensor momentum);

    /** Sum of squares, accumulated in double over fixed chunks. */
    double sumSquares(Tensor x);
}
