package sdae.bench;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.LinkedHashMap;
import java.util.Map;
import sdae.tensor.Backend;
import sdae.tensor.DType;
import sdae.tensor.Devices;
import sdae.tensor.GemmChoice;
import sdae.tensor.cuda.CudaBackend;

/**
 * Products by cuBLASLt on a CUDA device, each by the fastest of the algorithms that its heuristic offers; and our step with
 * such products. Where it shares our maths ({@link sdae.tensor.cuda.CublasLtGemm} has the table); else it has none of the
 * case. Its bias of a BF16 product would have to be BF16, ours is F32: it then computes less than ours, no bias, which is
 * added before the result is checked.
 */
final class CublasLtPeer implements Peer {
    private final String device;

    CublasLtPeer(String device) {
        this.device = device;
    }

    @Override
    public String name() {
        return "cublaslt";
    }

    @Override
    public Work open(Case wanted, int threads) {
        boolean fastest = device.equals("cuda"); // a simulated device has no speed
        CudaBackend cuda = (CudaBackend) Devices.open(device, GemmChoice.CUBLASLT, fastest);
        if (wanted.kernel() == Kernel.STEP) {
            return new StepWork(wanted, cuda);
        }
        if (wanted.kernel().family() != Kernel.Family.GEMM) {
            return null;
        }
        boolean biasApart = wanted.kernel() == Kernel.GEMM_FORWARD && wanted.dtype() == DType.BF16;
        long before = cuda.cublasLtCalls();
        Work work = new ProductWork(wanted, cuda, biasApart);
        if (cuda.cublasLtCalls() == before) { // by our own kernel
            work.close();
            return null;
        }
        return work;
    }

    private static final class ProductWork extends GraphWork {
        private final Case timed;
        private final boolean biasApart;

        ProductWork(Case timed, CudaBackend cuda, boolean biasApart) {
            super(timed, cuda, biasApart ? withoutBias(cuda) : cuda);
            this.timed = timed;
            this.biasApart = biasApart;
        }

        @Override
        public Map<String, double[]> outputs() {
            Map<String, double[]> outputs = new LinkedHashMap<>(super.outputs());
            if (biasApart) {
                double[] bias = timed.inputs().of("bias");
                double[] y = outputs.get("y");
                for (int i = 0; i < y.length; i++) {
                    y[i] += bias[i % bias.length];
                }
            }
            return outputs;
        }

        /** As to any peer: not our order of sums. */
        @Override
        public double slack() {
            return 4;
        }
    }

    /** The device, whose {@link Backend#linearForward} gets no bias. */
    private static Backend withoutBias(CudaBackend cuda) {
        return (Backend) Proxy.newProxyInstance(
                Backend.class.getClassLoader(), new Class<?>[] {Backend.class}, (proxy, method, arguments) -> {
                    if (method.getName().equals("linearForward")) {
                        arguments[arguments.length - 1] = null;
                    }
                    try {
                        return method.invoke(cuda, arguments);
                    } catch (InvocationTargetException e) {
                        throw e.getCause();
                    }
                });
    }
}
