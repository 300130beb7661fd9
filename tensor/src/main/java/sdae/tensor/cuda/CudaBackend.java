package sdae.tensor.cuda;

import sdae.tensor.DeviceException;

/** The CUDA device: a method launches its kernel, or the two that sum in a fixed order. */
public final class CudaBackend extends CudaLosses {
    private static CudaBackend opened;

    private CudaBackend(boolean simulated) {
        super(simulated);
    }

    /**
     * The first GPU, or the simulated one; the same object each time.
     *
     * @throws DeviceException when it is not there, or when the process has opened the other one
     */
    public static synchronized CudaBackend open(boolean simulated) {
        if (opened == null) {
            opened = new CudaBackend(simulated);
        } else if (opened.name().equals("cuda-sim") != simulated) {
            throw new DeviceException("device: this process uses " + opened.name()
                    + "; the other CUDA device needs a process of its own");
        }
        return opened;
    }
}
