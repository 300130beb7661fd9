package sdae.bench.peers;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import sdae.bench.Case;
import sdae.bench.NamedShape;
import sdae.bench.Work;
import sdae.bench.peers.TorchLayers.Attention;
import sdae.model.ModelSpec;
import sdae.tensor.DType;

/** The whole step on random images that are in memory, a few batches in turn. */
final class TorchStepWork implements Work {
    private static final int POOL = 4;
    private static final TorchTrainer.Rates RATES = new TorchTrainer.Rates(1e-4, 0.04, 0.996);

    private final TorchTrainer trainer;
    private final List<Tensor> images = new ArrayList<>();
    private int step;
    private float loss;

    TorchStepWork(Case c) {
        this(spec(c.shape()), c.size("B"), c.size("V"), c.size("K"), c.dtype() == DType.BF16);
    }

    TorchStepWork(ModelSpec spec, int batch, int visible, int folds, boolean bf16) {
        torch.manual_seed(0);
        TorchModel model = new TorchModel(
                spec, visible, folds, true, bf16 ? Attention.UNFUSED : Attention.SDPA, TorchModel::startingValues);
        trainer = new TorchTrainer(model, bf16);
        for (int i = 0; i < POOL; i++) {
            images.add(torch.randn(batch, spec.channels(), spec.imageHeight(), spec.imageWidth()));
        }
    }

    static ModelSpec spec(NamedShape s) {
        return ModelSpec.of(
                s.size("side"),
                s.size("side"),
                s.size("C"),
                s.size("p"),
                s.size("D"),
                s.size("depth"),
                s.size("H"),
                s.size("Dd"),
                s.size("decoderDepth"),
                s.size("decoderH"));
    }

    @Override
    public void run() {
        loss = trainer.step(images.get(step++ % POOL), null, RATES).loss();
    }

    @Override
    public Map<String, double[]> outputs() {
        return Map.of("loss", new double[] {loss});
    }

    @Override
    public void close() {
        trainer.close();
        images.forEach(Tensor::close);
    }
}
