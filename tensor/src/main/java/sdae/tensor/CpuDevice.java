package sdae.tensor;

import sdae.kernels.Kernels;
import sdae.kernels.Native;

/** The CPU's memory, elementwise kernels and random numbers; what the other kernels' arguments must be. */
abstract class CpuDevice implements Backend {
    CpuDevice() {
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

    /** The address of an F32 tensor. */
    static long f(Tensor t) {
        if (t.dtype() != DType.F32) {
            throw new IllegalArgumentException(
                    "cpu: this argument of the kernel is an F32 tensor on every device, but is " + t);
        }
        return t.address();
    }

    /** The address of a BF16 copy; 0 for none. */
    static long low(Tensor t) {
        if (t != null && t.dtype() != DType.BF16) {
            throw new IllegalArgumentException("cpu: this kernel takes a BF16 copy, but got " + t);
        }
        return t == null ? 0 : t.address();
    }

    /** The address of an activation that is stored like another one of the call. */
    static long any(Tensor t, Tensor like) {
        if (t.dtype() != like.dtype() || t.dtype() == DType.I32) {
            throw new IllegalArgumentException(
                    "cpu: activations of a kernel are all F32 or all BF16, but got " + t + " with " + like);
        }
        return t.address();
    }

    /** How activations are stored, as the kernels name it. */
    static int dtype(Tensor t) {
        return t.dtype() == DType.BF16 ? Native.SK_BF16 : Native.SK_F32;
    }

    static long optional(Tensor t) {
        return t == null ? 0 : f(t);
    }

    /** The address of an I32 tensor. */
    static long i(Tensor t) {
        if (t.dtype() != DType.I32) {
            throw new IllegalArgumentException("cpu: this kernel takes I32 ids, but got " + t);
        }
        return t.address();
    }

    static int samples(Tensor scale) {
        return scale == null ? 1 : scale.count();
    }
}
