package sdae.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import sdae.config.Config;
import sdae.io.UserError;
import sdae.nn.Positions;
import sdae.tensor.CpuBackend;
import sdae.tensor.ParameterBuffer;

/** What weights a pretraining starts with: {@code student.init} and {@code teacher.init}. */
class StartTest {
    @TempDir
    static Path shared;

    private static Path earlier;

    @BeforeAll
    static void pretrain() throws IOException {
        earlier = SmallRuns.pretrain(shared, "eval.run=false");
    }

    private interface Look {
        void at(Trainer trainer) throws IOException;
    }

    private static void start(Look look, String... sets) throws IOException {
        List<String> all = new ArrayList<>(SmallRuns.SIZES);
        all.addAll(List.of("data.path=" + shared.resolve("images"), "seed=7"));
        all.addAll(List.of(sets));
        try (Trainer trainer = new Trainer(Config.load(null, null, all), new CpuBackend())) {
            trainer.initialise(remark -> {});
            look.at(trainer);
        }
    }

    private static float[] values(ParameterBuffer parameters, String name) {
        return parameters.get(name).value().toFloats();
    }

    @Test
    void theStudentStartsWithAnotherRunsWeights() throws IOException {
        String file = "checkpoint:" + earlier.resolve("checkpoints/step-0000000004/student.safetensors");
        start(
                run -> {
                    float[] all = run.model().student().values().toFloats();
                    float[] prefix = run.model().studentPrefix().toFloats();
                    assertArrayEquals(
                            prefix, run.model().teacher().values().toFloats(), "the copy is of what was loaded");
                    start(
                            other -> assertArrayEquals(
                                    all, other.model().student().values().toFloats()),
                            "student.init=" + file);
                    start(other -> assertFalse(
                            Arrays.equals(all, other.model().student().values().toFloats())));
                },
                "student.init=checkpoint:" + earlier);
    }

    @Test
    void theEncoderAloneFitsAnotherDecoderAndImageSize() throws IOException {
        start(
                run -> start(
                        large -> {
                            ParameterBuffer small = run.model().student();
                            ParameterBuffer student = large.model().student();
                            assertArrayEquals(
                                    values(small, "blocks.1.mlp.fc2.weight"),
                                    values(student, "blocks.1.mlp.fc2.weight"));
                            assertArrayEquals(
                                    Positions.resize(values(small, "pos_embed"), 4, 4, 6, 6, 16),
                                    values(student, "pos_embed"));
                            float[] decoder = values(student, "decoder_blocks.0.mlp.fc2.weight");
                            start(
                                    fresh -> assertArrayEquals(
                                            values(fresh.model().student(), "decoder_blocks.0.mlp.fc2.weight"),
                                            decoder),
                                    "image.size=24",
                                    "decoder.width=32");
                        },
                        "image.size=24",
                        "decoder.width=32",
                        "student.init=encoder:" + earlier),
                "student.init=checkpoint:" + earlier);
    }

    @Test
    void aDecoderThatDoesNotFitIsListed() {
        UserError e = assertThrows(
                UserError.class, () -> start(run -> {}, "decoder.width=32", "student.init=checkpoint:" + earlier));
        assertTrue(e.getMessage().contains("decoder_embed.weight: file [16, 16], network [32, 16]"), e.getMessage());
        UserError none = assertThrows(
                UserError.class, () -> start(run -> {}, "student.init=encoder:" + shared.resolve("nothing")));
        assertTrue(none.getMessage().contains("nothing"), none.getMessage());
    }
}
