package sdae.report;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** A run on the page: its number gives its colour, its label is unlike the others'. */
record Run(int index, String label, RunData data) {

    /** Labels are folder names; where two are the same, as much of the path before as tells them apart, or a number. */
    static List<Run> of(List<RunData> all) {
        Map<String, Integer> seen = new HashMap<>();
        all.forEach(data -> seen.merge(data.name(), 1, Integer::sum));
        Map<String, Integer> given = new HashMap<>();
        List<Run> runs = new ArrayList<>();
        for (RunData data : all) {
            String label = data.name();
            if (seen.get(label) > 1) {
                var parent = data.folder().toAbsolutePath().normalize().getParent();
                label = (parent == null || parent.getFileName() == null ? "" : parent.getFileName() + "/") + label;
            }
            int copy = given.merge(label, 1, Integer::sum);
            runs.add(new Run(runs.size(), copy > 1 ? label + " (" + copy + ")" : label, data));
        }
        return runs;
    }

    /** A number of the summary, or the last one of a column of the metrics while the run is not done. */
    double figure(String summaryKey, String column) {
        double value = data.number(summaryKey);
        return Double.isNaN(value) ? data.metrics().last(column) : value;
    }

    /** Images that the steps took. Where fine-tunings once wrote the number of test images in that place, NaN. */
    double imagesSeen() {
        boolean ofTest = data.summary().containsKey("top1") && !data.summary().containsKey("test_images");
        return ofTest ? Double.NaN : data.number("images");
    }

    /** {@code sdae} or {@code mae}, as configured; empty when not known. */
    String objective() {
        return data.config().getOrDefault("objective", data.summary().getOrDefault("objective", ""));
    }

    /** The model's name, wherever the config has it. */
    String model() {
        for (String key : List.of("model", "model.name", "model.preset", "preset", "student.model")) {
            String value = data.config().getOrDefault(key, data.summary().getOrDefault(key, ""));
            if (!value.isEmpty()) {
                return value;
            }
        }
        return "";
    }

    /** An accuracy as 0..1: written either as a share or in percent. */
    double knn(String key) {
        double value = data.number(key);
        if (Double.isNaN(value) && key.equals("knn_trained")) {
            double teacher = data.evals().last("knn_teacher");
            value = Double.isNaN(teacher) ? data.evals().last("knn_student") : teacher;
        }
        return value > 1 ? value / 100 : value;
    }
}
