package sdae.io;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;

/**
 * Does every call on a real folder and keeps beside it what a disk would hold after a power cut.
 *
 * <p>A file's bytes are safe after its fsync, a folder's entries after the folder's. Until then any subset of the entry
 * changes of each folder may have reached the disk, and of each file's new bytes none, half, all, or zeros in their
 * place. It can also fail one call or all from one on, die at a call, or leave out an fsync.
 */
final class PowerCutDisk implements Disk {
    /** The process is gone: no handler of exceptions runs. */
    static final class Killed extends Error {}

    private record Change(String gone, String name, Node node) {}

    private static final class Node {
        private final Map<String, Node> durable = new TreeMap<>();
        private final List<Change> pending = new ArrayList<>();
        private final Map<String, Node> now = new TreeMap<>();
        private final boolean folder;
        private final ByteArrayOutputStream data = new ByteArrayOutputStream();
        private int durableBytes;

        Node(boolean folder) {
            this.folder = folder;
        }

        int choices() {
            return folder ? 1 << pending.size() : data.size() > durableBytes ? 4 : 1;
        }

        Map<String, Node> entries(int chosen) {
            Map<String, Node> entries = new TreeMap<>(durable);
            for (int i = 0; i < pending.size(); i++) {
                if ((chosen >> i & 1) != 0) {
                    apply(pending.get(i), entries);
                }
            }
            return entries;
        }

        byte[] bytes(int chosen) {
            byte[] all = data.toByteArray();
            return switch (chosen) {
                case 0 -> Arrays.copyOf(all, durableBytes);
                case 1 -> Arrays.copyOf(all, (durableBytes + all.length) / 2);
                case 2 -> all;
                default -> Arrays.copyOf(Arrays.copyOf(all, durableBytes), all.length);
            };
        }

        static void apply(Change change, Map<String, Node> entries) {
            if (change.gone != null) {
                entries.remove(change.gone);
            }
            if (change.node != null) {
                entries.put(change.name, change.node);
            }
        }

        void change(String gone, String name, Node node) {
            Change change = new Change(gone, name, node);
            pending.add(change);
            apply(change, now);
        }
    }

    private final Disk real = Disk.real();
    private final Path root;
    private final Node rootNode = new Node(true);

    /** Called after each call that changed something. */
    Runnable afterCall = () -> {};

    int calls;
    int fsyncs;
    int failAt = -1;
    boolean failOn;
    String fault = "";
    int killAt = -1;
    int skippedFsync = -1;

    PowerCutDisk(Path root) {
        this.root = root;
    }

    /** Every distinct content (path below the root to bytes; null for a folder) that a power cut now may leave. */
    void forEachState(Consumer<Map<String, byte[]>> see) {
        List<Node> nodes = new ArrayList<>();
        reach(rootNode, nodes);
        long states = nodes.stream().mapToLong(Node::choices).reduce(1, Math::multiplyExact);
        if (states > 1 << 16) {
            throw new IllegalStateException(states + " states are too many to try");
        }
        Map<String, Boolean> seen = new HashMap<>();
        for (long state = 0; state < states; state++) {
            Map<Node, Integer> chosen = new HashMap<>();
            long rest = state;
            for (Node node : nodes) {
                chosen.put(node, (int) (rest % node.choices()));
                rest /= node.choices();
            }
            Map<String, byte[]> content = new TreeMap<>();
            collect("", rootNode, chosen, content);
            if (seen.put(signature(content), true) == null) {
                see.accept(content);
            }
        }
    }

    /** A text that is equal for equal contents. */
    static String signature(Map<String, byte[]> content) {
        StringBuilder text = new StringBuilder();
        content.forEach((path, bytes) -> text.append(path)
                .append(':')
                .append(bytes == null ? "-" : bytes.length + "/" + Arrays.hashCode(bytes))
                .append(' '));
        return text.toString();
    }

    private static void reach(Node node, List<Node> found) {
        if (!found.contains(node)) {
            found.add(node);
            node.durable.values().forEach(entry -> reach(entry, found));
            node.pending.stream().filter(c -> c.node != null).forEach(c -> reach(c.node, found));
        }
    }

    private static void collect(String path, Node node, Map<Node, Integer> chosen, Map<String, byte[]> into) {
        if (!node.folder) {
            into.put(path, node.bytes(chosen.get(node)));
            return;
        }
        into.put(path, null);
        node.entries(chosen.get(node))
                .forEach((name, entry) -> collect(path.isEmpty() ? name : path + "/" + name, entry, chosen, into));
    }

    private Node node(Path path) {
        Node node = rootNode;
        if (!path.equals(root)) {
            for (Path name : root.relativize(path)) {
                node = node.now.get(name.toString());
            }
        }
        return node;
    }

    private void call() throws IOException {
        calls++;
        if (calls == killAt) {
            throw new Killed();
        }
        if (calls == failAt || (failOn && failAt > 0 && calls > failAt)) {
            throw new IOException(fault);
        }
    }

    private boolean skips() {
        return ++fsyncs == skippedFsync;
    }

    @Override
    public void createFolder(Path folder) throws IOException {
        call();
        real.createFolder(folder);
        node(folder.getParent()).change(null, folder.getFileName().toString(), new Node(true));
        afterCall.run();
    }

    @Override
    public Out create(Path file) throws IOException {
        call();
        Out out = real.create(file);
        Node node = new Node(false);
        node(file.getParent()).change(null, file.getFileName().toString(), node);
        afterCall.run();
        return new RecordedOut(out, node);
    }

    @Override
    public Out append(Path file) {
        throw new UnsupportedOperationException("no log is written here");
    }

    @Override
    public void rename(Path from, Path to) throws IOException {
        call();
        real.rename(from, to);
        node(from.getParent())
                .change(from.getFileName().toString(), to.getFileName().toString(), node(from));
        afterCall.run();
    }

    @Override
    public void fsyncFolder(Path folder) throws IOException {
        call();
        if (!skips()) {
            Node node = node(folder);
            node.pending.forEach(change -> Node.apply(change, node.durable));
            node.pending.clear();
        }
        afterCall.run();
    }

    @Override
    public void delete(Path path) throws IOException {
        call();
        real.delete(path);
        node(path.getParent()).change(path.getFileName().toString(), null, null);
        afterCall.run();
    }

    @Override
    public List<Path> list(Path folder) throws IOException {
        call();
        return real.list(folder);
    }

    private final class RecordedOut implements Out {
        private final Out out;
        private final Node node;

        RecordedOut(Out out, Node node) {
            this.out = out;
            this.node = node;
        }

        @Override
        public void write(ByteBuffer bytes) throws IOException {
            try {
                call();
            } catch (IOException | Killed e) {
                put(bytes.slice(bytes.position(), bytes.remaining() / 2)); // a full disk takes what still fits
                throw e;
            }
            put(bytes);
            afterCall.run();
        }

        private void put(ByteBuffer bytes) throws IOException {
            byte[] copy = new byte[bytes.remaining()];
            bytes.duplicate().get(copy);
            out.write(bytes);
            node.data.writeBytes(copy);
        }

        @Override
        public void fsync() throws IOException {
            call();
            if (!skips()) {
                node.durableBytes = node.data.size();
            }
            afterCall.run();
        }

        @Override
        public void close() throws IOException {
            out.close();
            call();
        }
    }
}
