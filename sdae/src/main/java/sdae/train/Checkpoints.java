package sdae.train;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import sdae.io.CheckpointStore.Checkpoint;
import sdae.io.ExitCode;
import sdae.io.SafetensorsReader;
import sdae.io.SafetensorsWriter;
import sdae.io.UserError;
import sdae.model.SdaeModel;
import sdae.nn.AdamW;
import sdae.tensor.Backend;
import sdae.tensor.Parameter;
import sdae.tensor.ParameterBuffer;
import sdae.tensor.Tensor;

/** A run's state as files: weights under timm's names, and AdamW's moments flat, as they lie in memory. */
public final class Checkpoints {
    public static final String STUDENT = "student.safetensors";
    public static final String TEACHER = "teacher.safetensors";
    private static final String OPTIMIZER = "optimizer.safetensors";
    private static final int LISTED = 10;

    private Checkpoints() {}

    static Map<String, SafetensorsWriter> files(Backend backend, SdaeModel model, AdamW adamw) {
        Map<String, SafetensorsWriter> files = new TreeMap<>();
        files.put(STUDENT, weights(backend, model.student()));
        if (model.teacher() != null) {
            files.put(TEACHER, weights(backend, model.teacher()));
        }
        SafetensorsWriter moments = new SafetensorsWriter().metadata("steps", Long.toString(adamw.steps()));
        add(backend, moments, "exp_avg", adamw.firstMoments());
        add(backend, moments, "exp_avg_sq", adamw.secondMoments());
        files.put(OPTIMIZER, moments);
        return files;
    }

    private static SafetensorsWriter weights(Backend backend, ParameterBuffer parameters) {
        SafetensorsWriter writer = new SafetensorsWriter().metadata("format", "pt");
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
        load(checkpoint.file(STUDENT), model.student());
        if (model.teacher() != null) {
            load(checkpoint.file(TEACHER), model.teacher());
        }
        try (SafetensorsReader moments = SafetensorsReader.open(checkpoint.file(OPTIMIZER))) {
            adamw.firstMoments().set(moments.floats("exp_avg"));
            adamw.secondMoments().set(moments.floats("exp_avg_sq"));
            adamw.resumeAt(Long.parseLong(moments.metadata().get("steps")));
        }
    }

    /**
     * Sets all parameters from a weights file.
     *
     * @throws UserError (exit 4) that lists what is missing or has another shape; nothing is changed then
     */
    public static void load(Path file, ParameterBuffer parameters) throws IOException {
        try (SafetensorsReader reader = SafetensorsReader.open(file)) {
            List<String> faults = new ArrayList<>();
            for (Parameter p : parameters.parameters().values()) {
                if (!reader.has(p.name())) {
                    faults.add(p.name() + " " + p.shape() + " is missing");
                } else if (!sameShape(reader.shape(p.name()), p)) {
                    faults.add(p.name() + ": file " + java.util.Arrays.toString(reader.shape(p.name())) + ", model "
                            + p.shape());
                }
            }
            if (!faults.isEmpty()) {
                List<String> listed = faults.subList(0, Math.min(LISTED, faults.size()));
                throw new UserError(
                        ExitCode.CHECKPOINT,
                        "weights " + file + " do not fit the model: " + String.join("; ", listed)
                                + (faults.size() > LISTED ? "; and " + (faults.size() - LISTED) + " more" : ""));
            }
            for (Parameter p : parameters.parameters().values()) {
                p.value().set(reader.floats(p.name()));
            }
            parameters.round();
        }
    }

    private static boolean sameShape(long[] shape, Parameter p) {
        if (shape.length != p.shape().rank()) {
            return false;
        }
        for (int i = 0; i < shape.length; i++) {
            if (shape[i] != p.shape().size(i)) {
                return false;
            }
        }
        return true;
    }
}
