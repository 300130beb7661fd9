package sdae.tensor.cuda;

import java.io.File;
import java.io.IOException;
import java.net.URL;
import org.bytedeco.cuda.global.cublas;
import org.bytedeco.cuda.global.cudart;
import org.bytedeco.javacpp.Loader;
import sdae.kernels.Kernels;
import sdae.tensor.DeviceException;

/**
 * Loads {@code libcuda.so.1}, the driver's own or the simulator's, then JavaCPP's glue, which binds to whichever is there.
 * The glue also wants a {@code libcudart.so.13}; nothing of it is called, so a small one from the jar stands in and no CUDA
 * toolkit is needed.
 */
final class Libraries {
    private static final String FOLDER = "/sdae/kernels/sim/" + Loader.getPlatform() + "/";

    private Libraries() {}

    static void load(boolean simulated) {
        Kernels.load(); // switches JavaCPP's own memory limits off
        if (simulated) {
            loadResource("libcuda.so.1");
        }
        loadResource("libcudart.so.13");
        try {
            Loader.load(cudart.class);
        } catch (UnsatisfiedLinkError e) {
            throw new DeviceException(
                    "cuda: no NVIDIA driver: libcuda.so.1 could not be loaded (looked where ld.so looks: LD_LIBRARY_PATH"
                            + " and 'ldconfig -p'). Install the driver of the GPU (580 or newer; in a container start it"
                            + " with --gpus all), or take --device cpu, or --device cuda-sim for the simulated GPU. Cause: "
                            + e.getMessage(),
                    e);
        }
    }

    /** After {@link #load}: NVIDIA's library where ld.so finds it, or the simulator's stand-in. */
    static void loadCublasLt(boolean simulated) {
        if (simulated) {
            loadResource("libcublas.so.13");
            loadResource("libcublasLt.so.13");
        }
        try {
            Loader.load(cublas.class);
        } catch (LinkageError e) { // the first time an UnsatisfiedLinkError, then NoClassDefFoundError
            throw new DeviceException(
                    "cuda: device.gemm=cublaslt, but libcublasLt.so.13 and libcublas.so.13 could not be loaded (looked"
                            + " where ld.so looks: LD_LIBRARY_PATH and 'ldconfig -p'). Install them (libcublas of CUDA 13),"
                            + " or take device.gemm=own. Cause: " + e.getMessage(),
                    e);
        }
    }

    private static void loadResource(String name) {
        URL resource = Libraries.class.getResource(FOLDER + name);
        if (resource == null) {
            throw new DeviceException("cuda: " + name + " is not in the jar (" + FOLDER
                    + "); build it with 'mvn -pl kernels package' on " + Loader.getPlatform());
        }
        try {
            File file = Loader.cacheResource(resource);
            System.load(file.getAbsolutePath());
        } catch (IOException | UnsatisfiedLinkError e) {
            throw new DeviceException("cuda: " + name + " could not be loaded from the jar: " + e.getMessage(), e);
        }
    }
}
