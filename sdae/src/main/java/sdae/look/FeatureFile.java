package sdae.look;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.apache.commons.csv.CSVFormat;
import sdae.data.ImageSource;
import sdae.io.AtomicFolder;
import sdae.io.Disk;
import sdae.io.ExitCode;
import sdae.io.Json;
import sdae.io.SafetensorsWriter;
import sdae.io.UserError;

/** Writes a {@link FeatureStream} to a file as it comes; the file appears when it is whole. */
public final class FeatureFile {
    private static final int CHUNK = 1 << 16;
    private static final int NPY_ALIGNMENT = 64;

    private FeatureFile() {}

    /** Whether the name ends in one that {@link #write} knows. */
    public static boolean knows(Path file) {
        return List.of(".npy", ".safetensors", ".csv").contains(suffix(file));
    }

    /**
     * Writes the features of all images.
     *
     * <p>{@code .npy}: F32 [N, D] or [N, 1 + L, D], and beside it {@code NAME.names.csv} with name and class of each image.
     * {@code .safetensors}: {@code features}, {@code labels} I32 [N] (-1: none), and {@code names} U8, a JSON list; the classes
     * are in the metadata. {@code .csv}: name, class, (token,) values.
     */
    public static void write(FeatureStream stream, Path file) throws IOException {
        switch (suffix(file)) {
            case ".npy" -> {
                AtomicFolder.writeFile(Disk.real(), file, out -> npy(stream, out));
                AtomicFolder.writeFile(Disk.real(), names(file), out -> csvNames(stream.source(), out));
            }
            case ".safetensors" -> AtomicFolder.writeFile(Disk.real(), file, safetensors(stream)::writeTo);
            case ".csv" -> AtomicFolder.writeFile(Disk.real(), file, out -> csv(stream, out));
            default ->
                throw new UserError(ExitCode.CONFIG, "features: " + file + " must end in .npy, .safetensors or .csv");
        }
    }

    /** Where the names go that an .npy file has no place for. */
    public static Path names(Path file) {
        return file.resolveSibling(file.getFileName() + ".names.csv");
    }

    private static String suffix(Path file) {
        String name = String.valueOf(file.getFileName());
        return name.substring(Math.max(0, name.lastIndexOf('.'))).toLowerCase(Locale.ROOT);
    }

    /** Source of the header: NumPy, "NPY format", version 1.0. */
    private static long npy(FeatureStream stream, Disk.Out out) throws IOException {
        String sizes = IntStream.concat(IntStream.of(stream.source().size()), Arrays.stream(stream.shape()))
                .mapToObj(Integer::toString)
                .collect(Collectors.joining(", "));
        String text = "{'descr': '<f4', 'fortran_order': False, 'shape': (" + sizes + "), }";
        int start = 10;
        int padded = (start + text.length() + 1 + NPY_ALIGNMENT - 1) / NPY_ALIGNMENT * NPY_ALIGNMENT;
        text += " ".repeat(padded - start - text.length() - 1) + "\n";
        ByteBuffer header = ByteBuffer.allocate(padded).order(ByteOrder.LITTLE_ENDIAN);
        header.put((byte) 0x93).put("NUMPY".getBytes(StandardCharsets.US_ASCII)).put((byte) 1);
        header.put((byte) 0).putShort((short) (padded - start));
        out.write(header.put(text.getBytes(StandardCharsets.US_ASCII)).flip());
        float[] values = new float[CHUNK];
        ByteBuffer bytes = ByteBuffer.allocate(CHUNK * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        long left = (long) stream.source().size() * stream.rowSize();
        while (left > 0) {
            int some = (int) Math.min(CHUNK, left);
            stream.read(values, some);
            bytes.clear().limit(some * Float.BYTES);
            bytes.asFloatBuffer().put(values, 0, some);
            out.write(bytes);
            left -= some;
        }
        return left;
    }

    private static long csvNames(ImageSource source, Disk.Out out) throws IOException {
        Lines lines = new Lines(out);
        lines.add("name", "class");
        for (int i = 0; i < source.size(); i++) {
            lines.add(source.name(i), className(source, i));
        }
        return lines.end();
    }

    private static SafetensorsWriter safetensors(FeatureStream stream) {
        ImageSource source = stream.source();
        int[] labels = IntStream.range(0, source.size()).map(source::label).toArray();
        byte[] names = Json.compact(
                        IntStream.range(0, source.size()).mapToObj(source::name).toList())
                .getBytes(StandardCharsets.UTF_8);
        long[] shape = IntStream.concat(IntStream.of(source.size()), Arrays.stream(stream.shape()))
                .asLongStream()
                .toArray();
        // The writer asks for the features first, once, and in order.
        return new SafetensorsWriter()
                .metadata("classes", Json.compact(source.classes()))
                .add("features", shape, (from, into, count) -> stream.read(into, count))
                .add("labels", new long[] {labels.length}, labels)
                .add("names", new long[] {names.length}, names);
    }

    private static long csv(FeatureStream stream, Disk.Out out) throws IOException {
        ImageSource source = stream.source();
        boolean tokens = stream.shape().length > 1;
        int width = stream.shape()[stream.shape().length - 1];
        Lines lines = new Lines(out);
        int before = tokens ? 3 : 2;
        Object[] fields = new Object[before + width];
        fields[0] = "name";
        fields[1] = "class";
        fields[before - 1] = tokens ? "token" : "class";
        for (int d = 0; d < width; d++) {
            fields[before + d] = "f" + d;
        }
        lines.add(fields);
        float[] row = new float[width];
        for (int i = 0; i < source.size(); i++) {
            for (int t = 0; t < stream.rowSize() / width; t++) {
                stream.read(row, width);
                fields[0] = source.name(i);
                fields[1] = className(source, i);
                if (tokens) {
                    fields[2] = t;
                }
                for (int d = 0; d < width; d++) {
                    fields[before + d] = row[d];
                }
                lines.add(fields);
            }
        }
        return lines.end();
    }

    private static String className(ImageSource source, int i) {
        return source.label(i) < 0 ? "" : source.classes().get(source.label(i));
    }

    /** CSV lines (RFC 4180) by chunks. */
    private static final class Lines {
        private static final CSVFormat FORMAT =
                CSVFormat.DEFAULT.builder().setRecordSeparator('\n').get();

        private final Disk.Out out;
        private final StringBuilder text = new StringBuilder();

        Lines(Disk.Out out) {
            this.out = out;
        }

        void add(Object... fields) throws IOException {
            FORMAT.printRecord(text, fields);
            if (text.length() > CHUNK) {
                end();
            }
        }

        long end() throws IOException {
            out.write(StandardCharsets.UTF_8.encode(text.toString()));
            text.setLength(0);
            return 0;
        }
    }
}
