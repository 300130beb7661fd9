package sdae.tensor.cuda;

import sdae.tensor.DType;
import sdae.tensor.Tensor;

/** Flat memory, random numbers, linear layers, attention, norms, activations and optimizers. */
abstract class CudaDense extends CudaDevice {
    private final Pair fill = pair("fill");
    private final Pair add = pair("add");
    private final Pair scale = pair("scale");
    private final Lazy round = kernel("cast_f32_bf16");
    private final Lazy widen = kernel("cast_bf16_f32");
    private final Lazy sumSquares = kernel("sum_squares_f32");
    private final Lazy sumSquaresSum = kernel("sum_squares_sum");
    private final Lazy randomUniform = kernel("random_uniform");
    private final Pair layerNormForward = pair("layer_norm_forward");
    private final Pair layerNormBackward = pair("layer_norm_backward");
    private final Lazy layerNormBackwardSum = kernel("layer_norm_backward_sum");
    private final Pair geluForward = pair("gelu_forward");
    private final Pair geluBackward = pair("gelu_backward");
    private final Pair residualForward = pair("residual_forward");
    private final Pair residualBackward = pair("residual_backward");
    private final Lazy dropPathScale = kernel("drop_path_scale");
    private final Pair batchNormMoments = pair("batch_norm_moments");
    private final Pair batchNormForward = pair("batch_norm_forward");
    private final Pair batchNormSums = pair("batch_norm_sums");
    private final Pair batchNormBackward = pair("batch_norm_backward");
    private final Lazy adamw = kernel("adamw");
    private final Lazy larsNorms = kernel("lars_norms");
    private final Lazy lars = kernel("lars");
    private final Lazy ema = kernel("ema");

    CudaDense(boolean simulated) {
        super(simulated);
    }

    @Override
    public void fill(Tensor y, float value) {
        begin(fill, y).storage(y).count(y.count()).scalar(value).launch(y.count(), 1, 1);
    }

    @Override
    public void add(Tensor y, Tensor x) {
        begin(add, y).storage(y, x).count(y.count()).launch(y.count(), 1, 1);
    }

    @Override
    public void scale(Tensor y, float factor) {
        begin(scale, y).storage(y).count(y.count()).scalar(factor).launch(y.count(), 1, 1);
    }

    @Override
    public void cast(Tensor y, Tensor x) {
        if (y.dtype() == DType.BF16) {
            begin(round).bf16(y).f32(x).count(y.count()).launch(y.count(), 1, 1);
        } else {
            begin(widen).f32(y).bf16(x).count(y.count()).launch(y.count(), 1, 1);
        }
    }

    @Override
    public double sumSquares(Tensor x) {
        Launcher launch = begin(sumSquares);
        int parts = ceilDiv(x.count(), sumSquares.get().itemsX());
        long sum = workspace((1L + parts) * Double.BYTES);
        long partial = sum + Double.BYTES;
        launch.f32(x).count(x.count()).address(partial).launch(x.count(), 1, 1);
        begin(sumSquaresSum).address(sum).address(partial).size(parts).launch(1, 1, 1);
        int[] halves = new int[2];
        download(halves, 0, sum, 2);
        return Double.longBitsToDouble((long) halves[1] << 32 | halves[0] & 0xFFFFFFFFL);
    }

    @Override
    public void randomUniform(Tensor out, Tensor ids, Tensor key) {
        int rows = out.shape().rows();
        int cols = out.shape().last();
        begin(randomUniform).f32(out).i32(ids).i32(key).size(rows, cols).launch((long) rows * ceilDiv(cols, 4), 1, 1);
    }

    @Override
    public void layerNormForward(Tensor y, Tensor mean, Tensor rstd, Tensor x, Tensor gamma, Tensor beta, float eps) {
        int rows = x.shape().rows();
        begin(layerNormForward, x)
                .storage(y)
                .f32(mean, rstd)
                .storage(x)
                .f32(gamma, beta)
                .size(rows, row("layer norm", x))
                .scalar(eps)
                .launch(rows, 1, 1);
    }

    @Override
    public void layerNormBackward(
            Tensor dx, Tensor dgamma, Tensor dbeta, Tensor dy, Tensor x, Tensor gamma, Tensor mean, Tensor rstd) {
        int rows = x.shape().rows();
        int cols = x.shape().last();
        int parts = ceilDiv(rows, layerNormBackward.of(x.dtype()).itemsX());
        long partial = workspace(2L * Float.BYTES * cols * parts);
        begin(layerNormBackward, x)
                .storage(dx)
                .f32(dgamma, dbeta)
                .storage(dy, x)
                .f32(gamma, mean, rstd)
                .size(rows, cols)
                .address(partial)
                .launch(rows, 1, 1);
        begin(layerNormBackwardSum)
                .f32(dgamma, dbeta)
                .address(partial)
                .size(parts, cols)
                .launch(2L * cols, 1, 1);
    }

    @Override
    public void geluForward(Tensor y, Tensor x) {
        begin(geluForward, x).storage(y, x).count(x.count()).launch(x.count(), 1, 1);
    }

    @Override
    public void geluBackward(Tensor dx, Tensor y, Tensor dy, Tensor x) {
        begin(geluBackward, x)
                .storage(dx)
                .storageOrNull(y)
                .storage(dy, x)
                .count(x.count())
                .launch(x.count(), 1, 1);
    }

    @Override
    public void residualForward(Tensor y, Tensor x, Tensor branch, Tensor scale) {
        int samples = scale == null ? 1 : scale.count();
        int each = x.count() / samples;
        begin(residualForward, x)
                .storage(y, x, branch)
                .f32OrNull(scale)
                .size(samples)
                .count(each)
                .launch(each, samples, 1);
    }

    @Override
    public void residualBackward(Tensor dbranch, Tensor dy, Tensor scale) {
        int samples = scale == null ? 1 : scale.count();
        int each = dy.count() / samples;
        begin(residualBackward, dy)
                .storage(dbranch, dy)
                .f32OrNull(scale)
                .size(samples)
                .count(each)
                .launch(each, samples, 1);
    }

    @Override
    public void dropPathScale(Tensor scale, Tensor uniform, float rate) {
        int samples = scale.count();
        begin(dropPathScale).f32(scale, uniform).size(samples).scalar(rate).launch(samples, 1, 1);
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
        int rows = x.shape().rows();
        int cols = x.shape().last();
        long partial = batchNormWorkspace(batchNormForward, x);
        if (training) {
            begin(batchNormMoments, x)
                    .storage(x)
                    .size(rows, cols)
                    .address(partial)
                    .launch(cols, rows, 1);
        }
        begin(batchNormForward, x)
                .storage(y)
                .f32(mean, rstd)
                .f32(runningMean, runningVar)
                .storage(x)
                .size(rows, cols)
                .scalar(eps)
                .scalar(momentum)
                .flag(training)
                .address(partial)
                .launch(cols, rows, 1);
    }

    @Override
    public void batchNormBackward(Tensor dx, Tensor dy, Tensor x, Tensor mean, Tensor rstd) {
        int rows = x.shape().rows();
        int cols = x.shape().last();
        long partial = batchNormWorkspace(batchNormBackward, x);
        begin(batchNormSums, x)
                .storage(dy, x)
                .f32(mean, rstd)
                .size(rows, cols)
                .address(partial)
                .launch(cols, rows, 1);
        begin(batchNormBackward, x)
                .storage(dx, dy, x)
                .f32(mean, rstd)
                .size(rows, cols)
                .address(partial)
                .launch(cols, rows, 1);
    }

    private long batchNormWorkspace(Pair kernel, Tensor x) {
        int parts = ceilDiv(x.shape().rows(), kernel.of(x.dtype()).itemsY());
        return workspace(2L * Float.BYTES * x.shape().last() * parts);
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
        begin(adamw)
                .f32(param)
                .bf16OrNull(low)
                .f32(m, v, grad)
                .f32OrNull(teacher)
                .bf16OrNull(teacherLow)
                .f32(hyper)
                .f32OrNull(momentum)
                .count(param.count())
                .launch(param.count(), 1, 1);
    }

    @Override
    public void lars(Tensor param, Tensor mu, Tensor grad, Tensor hyper, boolean adapt) {
        int n = param.count();
        long partial = 0;
        if (adapt) {
            partial = workspace(2L * Double.BYTES * ceilDiv(n, larsNorms.get().itemsX()));
            begin(larsNorms).f32(param, grad, hyper).count(n).address(partial).launch(n, 1, 1);
        }
        begin(lars)
                .f32(param, mu)
                .f32(grad, hyper)
                .count(n)
                .flag(adapt)
                .address(partial)
                .launch(n, 1, 1);
    }

    @Override
    public void ema(Tensor teacher, Tensor low, Tensor student, Tensor momentum) {
        begin(ema)
                .f32(teacher)
                .bf16OrNull(low)
                .f32(student, momentum)
                .count(teacher.count())
                .launch(teacher.count(), 1, 1);
    }
}
