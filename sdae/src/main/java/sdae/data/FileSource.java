package sdae.data;

import java.io.Closeable;
import java.io.IOException;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.atomic.AtomicBoolean;
import sdae.io.Printable;

/** JPEG and PNG files from a folder or an archive: names, classes and decoding; where the bytes come from is a {@link Store}. */
final class FileSource implements ImageSource {
    /** Largest file or archive member that is read. */
    static final long MAX_BYTES = 256L << 20;

    private static final System.Logger LOG = System.getLogger("sdae.data");

    /** One listed file: its name in the source, its size, and where the store finds it. */
    record Entry(String name, long size, Object place) {}

    /** Where bytes come from. Called from several threads at once. */
    interface Store extends Closeable {
        /** Exactly entry.size() bytes, or an exception. */
        byte[] read(Entry entry) throws IOException;
    }

    private final String where;
    private final List<Entry> entries;
    private final Store store;
    private final ClassFolders folders;
    private final ImageDecoder decoder;
    private final AtomicBoolean warned = new AtomicBoolean();

    /** Sorts the entries and finds their classes; {@code where} is the folder or archive, for messages. */
    FileSource(String where, List<Entry> listed, Collection<String> emptyFolders, Store store, ImageDecoder decoder) {
        this.where = where;
        this.store = store;
        this.decoder = decoder;
        this.entries = listed.stream()
                .sorted(Comparator.comparing(Entry::name, Names.BYTE_ORDER))
                .toList();
        for (int i = 1; i < entries.size(); i++) {
            if (entries.get(i).name().equals(entries.get(i - 1).name())) {
                throw new DataException(DataException.text(
                        "data", where, "holds " + Printable.of(entries.get(i).name()) + " twice", "pack it again"));
            }
        }
        this.folders = ClassFolders.of(entries.stream().map(Entry::name).toList(), emptyFolders);
    }

    @Override
    public int size() {
        return entries.size();
    }

    @Override
    public String name(int i) {
        return entries.get(i).name();
    }

    @Override
    public int label(int i) {
        return folders.labels() == null ? -1 : folders.labels()[i];
    }

    @Override
    public List<String> classes() {
        return folders.classes();
    }

    @Override
    public RawImage read(int i) {
        return read(i, null);
    }

    @Override
    public RawImage read(int i, NativeBuffer memory) {
        Entry entry = entries.get(i);
        String path = where + "/" + entry.name();
        if (entry.size() == 0) {
            throw new BadImageException(path, "empty file", "");
        }
        if (entry.size() > MAX_BYTES) {
            throw new BadImageException(path, entry.size() + " bytes are over the limit of " + MAX_BYTES, "");
        }
        byte[] bytes;
        try {
            bytes = store.read(entry);
        } catch (IOException e) {
            throw new BadImageException(path, "cannot be read: " + e, "", e);
        }
        if (bytes.length != entry.size()) {
            throw new BadImageException(
                    path,
                    "changed since scan: " + entry.size() + " bytes then, " + bytes.length + " now",
                    "leave the data alone during a run");
        }
        String lower = path.toLowerCase(Locale.ROOT);
        if (PngDecoder.isPng(bytes) != lower.endsWith(".png") && !warned.getAndSet(true)) {
            LOG.log(
                    System.Logger.Level.WARNING,
                    Printable.of(path) + ": the suffix does not match the content; content decides (said once)");
        }
        return decoder.decode(bytes, path, memory);
    }

    @Override
    public String fingerprint() {
        Fingerprint print = new Fingerprint();
        entries.forEach(e -> print.add(e.name(), e.size()));
        return print.of(entries.size());
    }

    @Override
    public void close() {
        try {
            store.close();
        } catch (IOException e) {
            throw new DataException(DataException.text("data", where, "cannot be closed: " + e, ""), e);
        }
    }
}
