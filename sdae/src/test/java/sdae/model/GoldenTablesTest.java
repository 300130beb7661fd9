package sdae.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import sdae.nn.AdamW;
import sdae.nn.Positions;
import sdae.nn.Schedules;
import sdae.tensor.Parameter;
import sdae.tensor.ParameterBuffer.Segment;

/** Position tables, schedules, parameter groups, names and counts of the published models. No kernel runs here. */
@Tag("golden")
class GoldenTablesTest {
    private static final Pattern SINCOS = Pattern.compile("sincos\\.d(\\d+)\\.g(\\d+)");
    private static final Pattern DROP_PATH = Pattern.compile("drop_path\\.d(\\d+)_r(\\d+)");
    private static final Pattern LAYER_DECAY = Pattern.compile("layer_decay\\.depth(\\d+)_decay(\\d+)");
    private static final String NAMES = "names.vit_base_patch16.";

    /** What a check of one tensor of the file needs: its name, taken apart. */
    private interface Check {
        void run(Golden golden, Matcher name);
    }

    @TestFactory
    List<DynamicTest> tables() {
        List<DynamicTest> tests = new ArrayList<>();
        if (!Golden.exists("tables")) {
            System.out.println("golden: tables.safetensors is not in " + Golden.folder() + "; left out");
            return tests;
        }
        Golden golden = Golden.open("tables");
        add(tests, golden, SINCOS, GoldenTablesTest::sinCos);
        add(tests, golden, Pattern.compile("lr\\.(\\w+)\\.value"), GoldenTablesTest::learningRates);
        add(tests, golden, Pattern.compile("momentum\\.(\\w+)"), GoldenTablesTest::momenta);
        add(tests, golden, LAYER_DECAY, GoldenTablesTest::layerDecay);
        add(tests, golden, DROP_PATH, GoldenTablesTest::dropPath);
        add(tests, golden, Pattern.compile("finetune_groups\\.names"), GoldenTablesTest::finetuneGroups);
        add(tests, golden, Pattern.compile(Pattern.quote(NAMES) + "student_keys"), GoldenTablesTest::names);
        return tests;
    }

    /** So a run over the whole folder covers those of the repository. */
    @Test
    void filesOfTheRepositoryAreAmongThem() throws IOException {
        try (Stream<Path> files = Files.list(Golden.ofRepository())) {
            List<Path> all = files.toList();
            assertFalse(all.isEmpty());
            for (Path file : all) {
                Path given = Golden.folder().resolve(file.getFileName().toString());
                assertEquals(-1, Files.mismatch(file, given), given + " is not that of the repository");
            }
        }
    }

    private static void add(List<DynamicTest> tests, Golden golden, Pattern pattern, Check check) {
        int before = tests.size();
        for (String key : golden.names()) {
            Matcher name = pattern.matcher(key);
            if (name.matches()) {
                tests.add(DynamicTest.dynamicTest("tables " + key, () -> check.run(golden, name)));
            }
        }
        assertTrue(tests.size() > before, "tables: nothing is named " + pattern);
    }

    private static int number(Matcher name, int group) {
        return Integer.parseInt(name.group(group));
    }

    private static void close(double[] expected, double[] actual, double tolerance, String label) {
        assertEquals(expected.length, actual.length, label);
        double largest = 0;
        for (double e : expected) {
            largest = Math.max(largest, Math.abs(e));
        }
        for (int i = 0; i < expected.length; i++) {
            assertEquals(expected[i], actual[i], tolerance * largest, label + " at " + i);
        }
    }

    private static void sinCos(Golden golden, Matcher name) {
        int grid = number(name, 2);
        golden.close(name.group(), Positions.sinCos(grid, grid, number(name, 1)), Golden.TABLE_F32);
    }

    private static void learningRates(Golden golden, Matcher name) {
        double[] hyper = golden.doubles("lr." + name.group(1) + ".hyper");
        double[] epochs = golden.doubles("lr." + name.group(1) + ".epoch");
        double[] actual = new double[epochs.length];
        for (int i = 0; i < epochs.length; i++) {
            actual[i] = Schedules.warmupCosine(epochs[i], hyper[0], hyper[1], hyper[2], hyper[3]);
        }
        close(golden.doubles(name.group()), actual, Golden.TABLE_F64, name.group());
    }

    private static void momenta(Golden golden, Matcher name) {
        double[] hyper = golden.doubles(name.group() + ".hyper");
        double[] actual = Schedules.momentum(hyper[0], hyper[1], (int) hyper[2], (int) hyper[3], hyper[4]);
        close(golden.doubles(name.group()), actual, Golden.TABLE_F64, name.group());
        double[] residual = new double[actual.length];
        double left = 1;
        for (int i = 0; i < actual.length; i++) {
            left *= actual[i];
            residual[i] = left;
        }
        close(golden.doubles(name.group() + ".residual"), residual, Golden.TABLE_F64, name.group() + " residual");
    }

    private static void layerDecay(Golden golden, Matcher name) {
        int depth = number(name, 1);
        double[] actual = new double[depth + 2];
        for (int layer = 0; layer < actual.length; layer++) {
            actual[layer] = Schedules.layerScale(layer, depth, number(name, 2) / 100.0);
        }
        close(golden.doubles(name.group()), actual, Golden.TABLE_F64, name.group());
    }

    private static void dropPath(Golden golden, Matcher name) {
        int depth = number(name, 1);
        double[] actual = new double[depth];
        for (int block = 0; block < depth; block++) {
            actual[block] = Schedules.dropPath(block, depth, number(name, 2) / 100.0);
        }
        // the reference computes these rates in F32
        close(golden.doubles(name.group()), actual, Golden.TABLE_F32, name.group());
    }

    private static ModelSpec vit(int patch, int width, int depth, int heads) {
        return ModelSpec.of(224, 224, 3, patch, width, depth, heads, 512, 8, 16);
    }

    private static ModelSpec base() {
        return vit(16, 768, 12, 12);
    }

    private static void finetuneGroups(Golden golden, Matcher name) {
        double[] hyper = golden.doubles("finetune_groups.hyper");
        AdamW.Scales scales = Classifier.scales((int) hyper[0], hyper[1]);
        Map<String, Double> lr = new HashMap<>();
        Map<String, Double> decay = new HashMap<>();
        for (Segment segment : Classifier.segments(base(), 1000)) {
            for (Parameter p : segment.parameters()) {
                lr.put(p.name(), scales.lr(segment));
                decay.put(p.name(), hyper[2] * scales.decay(segment));
            }
        }
        List<String> names = golden.list(name.group());
        assertEquals(new TreeSet<>(names), new TreeSet<>(lr.keySet()));
        double[] scale = golden.doubles("finetune_groups.lr_scale");
        double[] weightDecay = golden.doubles("finetune_groups.weight_decay");
        for (int i = 0; i < names.size(); i++) {
            assertEquals(scale[i], lr.get(names.get(i)), Golden.TABLE_F64 * scale[i], names.get(i));
            assertEquals(weightDecay[i], decay.get(names.get(i)), names.get(i));
        }
    }

    private static void names(Golden golden, Matcher name) {
        ModelSpec spec = base();
        List<Segment> student = SdaeModel.studentSegments(new Encoder(spec), new Decoder(spec, spec.width()), false);
        assertEquals(golden.lines(name.group()), keys(student, ".*"));
        assertEquals(golden.lines(NAMES + "decay"), keys(student, ".*\\.decay"));
        assertEquals(golden.lines(NAMES + "no_decay"), keys(student, ".*\\.no-decay"));
        assertEquals(
                golden.lines(NAMES + "delivered_to_teacher"),
                keys(SdaeModel.encoderSegments(new Encoder(spec), false), ".*"));
    }

    private static Set<String> keys(List<Segment> segments, String kind) {
        Set<String> names = new TreeSet<>();
        segments.stream()
                .filter(s -> s.name().matches(kind))
                .forEach(s -> s.parameters().forEach(p -> names.add(p.name())));
        return names;
    }

    @Test
    void segmentsOfStudentAndTeacherStartAlike() {
        ModelSpec spec = base();
        List<Segment> student = SdaeModel.studentSegments(new Encoder(spec), new Decoder(spec, spec.width()), false);
        List<Segment> teacher = SdaeModel.encoderSegments(new Encoder(spec), false);
        for (int i = 0; i < teacher.size(); i++) {
            assertEquals(teacher.get(i).name(), student.get(i).name());
            assertEquals(
                    teacher.get(i).parameters().stream()
                            .map(Parameter::toString)
                            .toList(),
                    student.get(i).parameters().stream()
                            .map(Parameter::toString)
                            .toList());
        }
    }

    @ParameterizedTest(name = "patch {0}, width {1}")
    @CsvSource({
        "16,  384, 12,  6,  21590016, 25614720,  21665664",
        "16,  768, 12, 12,  85647360, 26008320,  85798656",
        "16, 1024, 24, 16, 303099904, 26270720, 303301632",
        "14, 1280, 32, 16, 630435840, 26533120, 630764800",
    })
    void publishedModelsHaveTheirParameterCounts(
            int patch, int width, int depth, int heads, long encoder, long decoder, long teacher) {
        ModelSpec spec = vit(patch, width, depth, heads);
        Encoder student = new Encoder(spec);
        assertEquals(encoder, count(student.weights().stream()));
        assertEquals(decoder, count(new Decoder(spec, width).weights().stream()));
        assertEquals(teacher, count(Stream.concat(student.weights().stream(), Stream.of(student.posEmbed()))));
    }

    private static long count(Stream<Parameter> parameters) {
        return parameters.mapToLong(p -> p.shape().count()).sum();
    }
}
