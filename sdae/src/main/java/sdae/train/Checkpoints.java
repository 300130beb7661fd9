package sdae.train;

import java.io.IOException;
import java.util.Map;
import java.util.TreeMap;
import sdae.io.CheckpointStore.Checkpoint;
import sdae.io.SafetensorsReader;
import sdae.io.SafetensorsWriter;
import sdae.model.ModelSpec;
import sdae.model.SdaeModel;
import sdae.nn.AdamW;
import sdae.tensor.Backend;
import sdae.tensor.ParameterBuffer;
import sdae.tensor.Tensor;
import sdae.weights.Facts;
import sdae.weights.WeightsFile;

/** A run's state as files: weights under timm's names, and AdamW's moments flat, as they lie in memory. */
final class Checkpoints {
    static final String OPTIMIZER = "optimizer.safetensors";

    private Checkpoints() {}

    static Map<String, SafetensorsWriter> files(Backend backend, SdaeModel model, AdamW adamw) {
        Map<String, SafetensorsWriter> files = new TreeMap<>();
        files.put(WeightsFile.STUDENT, weights(backend, model.spec(), model.student()));
        if (model.teacher() != null) {
            files.put(WeightsFile.TEACHER, weights(backend, model.spec(), model.teacher()));
        }
        files.put(OPTIMIZER, moments(backend, adamw));
        return files;
    }

    static SafetensorsWriter moments(Backend backend, AdamW adamw) {
        SafetensorsWriter moments = new SafetensorsWriter().metadata("steps", Long.toString(adamw.steps()));
        add(backend, moments, "exp_avg", adamw.firstMoments());
        add(backend, moments, "exp_avg_sq", adamw.secondMoments());
        return moments;
    }

    static SafetensorsWriter weights(Backend backend, ModelSpec spec, ParameterBuffer parameters) {
        SafetensorsWriter writer = new SafetensorsWriter().metadata("format", "pt");
        boolean decodes = parameters.parameters().containsKey("decoder_embed.weight");
        Facts.of(spec, decodes).metadata().forEach(writer::metadata);
        new TreeMap<>(parameters.parameters()).forEach((name, p) -> add(backend, writer, name, p.value()));
        return writer;
    }

    private static void add(Backend backend, SafetensorsWriter writer, String name, Tensor tensor) {
        long[] shape = new long[tensor.shape().rank()];
        for (int i = 0; i < shape.length; i++) {
            shape[i] = tensor.shape().size(i);
        }
        writer.add(
                name,
                shape,
                (from, into, count) -> backend.download(into, 0, tensor.address() + from * Float.BYTES, count));
    }

    /** Puts a checkpoint's state back; bit for bit what was saved. */
    static void restore(Checkpoint checkpoint, SdaeModel model, AdamW adamw) throws IOException {
        WeightsFile.load(checkpoint.file(WeightsFile.STUDENT), model.student());
        if (model.teacher() != null) {
            WeightsFile.load(checkpoint.file(WeightsFile.TEACHER), model.teacher());
        }
        restore(checkpoint, adamw);
    }

    static void restore(Checkpoint checkpoint, AdamW adamw) throws IOException {
        try (SafetensorsReader moments = SafetensorsReader.open(checkpoint.file(OPTIMIZER))) {
            adamw.firstMoments().set(moments.floats("exp_avg"));
            adamw.secondMoments().set(moments.floats("exp_avg_sq"));
            adamw.resumeAt(Long.parseLong(moments.metadata().get("steps")));
        }
    }
}
