package sdae.data;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Stream;

/** Opens data sets by a path or a name. */
public final class DataSets {
    /** The word for the default data set. */
    public static final String FASHION_MNIST = "fashion-mnist";

    private static final Path SYSTEM = Path.of("/usr/share/datasets");
    private static final String IDX = "-images-idx3-ubyte";
    private static final List<String> FASHION_CLASSES = List.of(
            "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot");

    private DataSets() {}

    /**
     * Opens the training images of a data set, which is one of: the word {@code fashion-mnist}; a folder with idx files; an
     * idx images file; a folder of JPEG and PNG images with or without a folder for each class (its {@code train} folder, if
     * it has one); a .tar, .tar.gz, .tgz or .zip file of images. Symbolic links in a folder are skipped.
     *
     * @throws DataException if there is nothing usable; the message says what was looked for
     */
    public static ImageSource open(String path) {
        return open(path, false, ImageDecoder.preferred());
    }

    /** As {@link #open(String)}, with links followed if asked (each real folder once) and a decoder of choice. */
    public static ImageSource open(String path, boolean followLinks, ImageDecoder decoder) {
        Path file = resolve(path, SYSTEM);
        if (Files.isDirectory(file)) {
            Path train = file.resolve("train");
            return idx(file, "train")
                    .orElseGet(() -> FolderScan.open(Files.isDirectory(train) ? train : file, followLinks, decoder));
        }
        return archive(file, decoder);
    }

    /**
     * Opens the test images that belong to {@link #open(String)}: the t10k idx files, or the folder {@code test} or
     * {@code val} beside {@code train}. Empty if there are none.
     */
    public static Optional<ImageSource> openTest(String path) {
        Path file = resolve(path, SYSTEM);
        if (!Files.isDirectory(file)) {
            return Optional.empty();
        }
        Optional<ImageSource> idx = idx(file, "t10k");
        if (idx.isPresent() || !Files.isDirectory(file.resolve("train"))) {
            return idx;
        }
        return Stream.of("test", "val")
                .map(file::resolve)
                .filter(Files::isDirectory)
                .findFirst()
                .map(folder -> FolderScan.open(folder, false, ImageDecoder.preferred()));
    }

    static Path resolve(String path, Path system) {
        Path file;
        try {
            file = Path.of(path);
        } catch (InvalidPathException e) {
            throw new DataException(DataException.text("data", path, "is not a path: " + e.getReason(), ""), e);
        }
        if (path.equals(FASHION_MNIST) && !Files.exists(file)) {
            Path folder = system.resolve(FASHION_MNIST);
            if (!Files.isDirectory(folder)) {
                throw new DataException("data fashion-mnist: not found in " + folder
                        + " (apt-get install dataset-fashion-mnist, or give a folder)");
            }
            return folder;
        }
        if (!Files.exists(file)) {
            throw new DataException(DataException.text(
                    "data",
                    path,
                    "does not exist",
                    "give a folder, a .tar, .tar.gz or .zip of images, a folder of idx files, or " + FASHION_MNIST));
        }
        return file;
    }

    /** The idx files of a split if the folder has any: {@code SPLIT-images-idx3-ubyte[.gz]}, else any for "train". */
    private static Optional<ImageSource> idx(Path folder, String split) {
        try (Stream<Path> list = Files.list(folder)) {
            List<Path> images = list.filter(p -> isIdxImages(String.valueOf(p.getFileName())))
                    .sorted()
                    .toList();
            Optional<Path> exact = images.stream()
                    .filter(p -> String.valueOf(p.getFileName()).startsWith(split + IDX))
                    .findFirst();
            if (exact.isEmpty() && split.equals("train") && !images.isEmpty()) {
                exact = images.size() == 1 ? Optional.of(images.get(0)) : exact;
                if (exact.isEmpty()) {
                    throw new DataException(DataException.text(
                            "data",
                            folder.toString(),
                            "has several idx sets but no train" + IDX,
                            "name one of the files"));
                }
            }
            return exact.map(DataSets::idxFile);
        } catch (IOException e) {
            throw new DataException(DataException.text("data", folder.toString(), "cannot be listed: " + e, ""), e);
        }
    }

    private static boolean isIdxImages(String name) {
        return name.endsWith(IDX) || name.endsWith(IDX + ".gz");
    }

    private static ImageSource idxFile(Path images) {
        String name = String.valueOf(images.getFileName());
        String plain = name.replaceFirst("\\.gz$", "").replace(IDX, "-labels-idx1-ubyte");
        Path labels = Stream.of(plain, plain + ".gz")
                .map(images::resolveSibling)
                .filter(Files::exists)
                .findFirst()
                .orElse(null);
        Path folder = images.toAbsolutePath().getParent();
        boolean fashion = folder != null && folder.endsWith(FASHION_MNIST);
        return IdxSource.open(images, labels, fashion ? FASHION_CLASSES : List.of());
    }

    private static ImageSource archive(Path file, ImageDecoder decoder) {
        String name = String.valueOf(file.getFileName()).toLowerCase(Locale.ROOT);
        if (isIdxImages(name)) {
            return idxFile(file);
        }
        byte[] head;
        try (InputStream in = Files.newInputStream(file)) {
            head = in.readNBytes(4);
        } catch (IOException e) {
            throw new DataException(DataException.text("data", file.toString(), "cannot be read: " + e, ""), e);
        }
        if (head.length > 2 && head[0] == 0x1f && (head[1] & 0xff) == 0x8b) {
            return Archives.gzippedTar(
                    file, Math.min(2L << 30, Runtime.getRuntime().maxMemory() / 2), decoder);
        }
        if (head.length == 4 && head[0] == 'P' && head[1] == 'K') {
            return Archives.zip(file, decoder);
        }
        if (name.endsWith(".tar")) {
            return Archives.tar(file, decoder);
        }
        throw new DataException(DataException.text(
                "data",
                file.toString(),
                "is neither a folder nor a .tar, .tar.gz, .tgz, " + ".zip or idx file",
                "unpack it, or give the folder"));
    }
}
