package sdae.bench;

import sdae.kernels.Kernels;
import sdae.kernels.Native;
import sdae.tensor.Backend;
import sdae.tensor.DType;
import sdae.tensor.Devices;
import sdae.tensor.GemmChoice;
import sdae.tensor.cuda.CudaBackend;

/** Our own implementation, on one device; its products by our own kernels too. */
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
        boolean cpu = device.equals("cpu");
        if (cpu) {
            Kernels.load();
            Native.sk_set_threads(threads);
        }
        if (wanted.kernel() == Kernel.LOAD) {
            return cpu ? new LoadWork(wanted) : null;
        }
        Backend backend = Devices.open(device, GemmChoice.OWN, false);
        if (wanted.kernel() == Kernel.STEP) {
            return new StepWork(wanted, backend);
        }
        if (backend instanceof CudaBackend cuda) {
            return new GraphWork(wanted, cuda, cuda);
        }
        KernelWork work = new KernelWork(wanted, backend, wanted.copies());
        if (wanted.dtype() == DType.BF16 && !work.runs()) {
            work.close();
            return null;
        }
        return work;
    }
}
