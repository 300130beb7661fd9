package sdae.bench;

import sdae.kernels.Kernels;
import sdae.kernels.Native;
import sdae.tensor.DType;
import sdae.tensor.Devices;

/** Our own implementation, on one device. */
final class SdaePeer implements Peer {
    static final String NAME = "sdae";

    private final String device;

    SdaePeer(String device) {
        this.device = device;
    }

    @Override
    public String name() {
        return NAME;
    }

    @Override
    public Work open(Case wanted, int threads) {
        if (device.equals("cuda-sim")) {
            throw new IllegalArgumentException("bench: a simulated device has no speed; cuda-sim is never timed");
        }
        return make(wanted, threads);
    }

    /** Also for the simulated device: a test runs bodies there. */
    private Work make(Case wanted, int threads) {
        if (device.equals("cpu")) {
            Kernels.load();
            Native.sk_set_threads(threads);
        }
        if (wanted.kernel() == Kernel.LOAD) {
            return device.equals("cpu") ? new LoadWork(wanted) : null;
        }
        if (wanted.kernel() == Kernel.STEP) {
            return new StepWork(wanted, Devices.open(device));
        }
        KernelWork work = new KernelWork(wanted, Devices.open(device));
        if (wanted.dtype() == DType.BF16 && !work.runs()) {
            work.close();
            return null;
        }
        return work;
    }
}
