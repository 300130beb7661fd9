package sdae.data;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import sdae.io.Printable;

/** Lists the images below a folder. Each real folder is visited once, so links that lead back do no harm. */
final class FolderScan {
    private static final System.Logger LOG = System.getLogger("sdae.data");

    private final boolean followLinks;
    private final List<FileSource.Entry> images = new ArrayList<>();
    private final Map<String, Boolean> folders = new HashMap<>();
    private final Set<Object> visited = new HashSet<>();
    private int otherFiles;
    private int links;

    private record Folder(Path path, String prefix) {}

    private FolderScan(boolean followLinks) {
        this.followLinks = followLinks;
    }

    static FileSource open(Path root, boolean followLinks, ImageDecoder decoder) {
        FolderScan scan = new FolderScan(followLinks);
        try {
            scan.walk(root.toRealPath());
        } catch (IOException e) {
            throw new DataException(DataException.text("data", root.toString(), "cannot be listed: " + e, ""), e);
        }
        if (scan.links > 0) {
            LOG.log(System.Logger.Level.WARNING, "{0}: {1} symbolic links skipped", root, scan.links);
        }
        if (scan.images.isEmpty()) {
            throw new DataException(
                    "no images under " + Printable.of(root.toString()) + " (looked for .jpg .jpeg .png; saw "
                            + scan.otherFiles + " other files and skipped " + scan.links + " symbolic links)");
        }
        List<String> empty = scan.folders.entrySet().stream()
                .filter(e -> !e.getValue())
                .map(Map.Entry::getKey)
                .toList();
        return new FileSource(root.toString(), scan.images, empty, new Disk(), decoder);
    }

    private void walk(Path root) throws IOException {
        Deque<Folder> todo = new ArrayDeque<>();
        enter(todo, root, "", Files.readAttributes(root, BasicFileAttributes.class));
        while (!todo.isEmpty()) {
            Folder folder = todo.pop();
            try (DirectoryStream<Path> stream = Files.newDirectoryStream(folder.path)) {
                for (Path path : stream) {
                    visit(todo, path, folder.prefix);
                }
            } catch (DirectoryIteratorException e) {
                throw e.getCause();
            } catch (IOException e) {
                throw new IOException(
                        Printable.of(folder.path.toString()) + ": "
                                + e.getClass().getSimpleName(),
                        e);
            }
        }
        folders.remove("");
    }

    private void visit(Deque<Folder> todo, Path path, String prefix) throws IOException {
        BasicFileAttributes at = Files.readAttributes(path, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
        if (at.isSymbolicLink()) {
            if (!followLinks || !Files.exists(path)) {
                links++;
                return;
            }
            at = Files.readAttributes(path, BasicFileAttributes.class);
        }
        String name = prefix + Names.last(path);
        if (at.isDirectory()) {
            enter(todo, path, name + "/", at);
        } else if (at.isRegularFile() && Names.isImage(name)) {
            images.add(new FileSource.Entry(name, at.size(), path));
            for (int slash = name.lastIndexOf('/'); slash >= 0; slash = name.lastIndexOf('/', slash - 1)) {
                folders.put(name.substring(0, slash + 1), true);
            }
        } else {
            otherFiles++;
        }
    }

    private void enter(Deque<Folder> todo, Path path, String name, BasicFileAttributes at) {
        if (visited.add(at.fileKey() == null ? path : at.fileKey())) {
            boolean hidden = name.startsWith(".") || name.contains("/.");
            if (!hidden) {
                todo.push(new Folder(path, name));
                folders.putIfAbsent(name, false);
            }
        }
    }

    /** Reads files by their paths. */
    private static final class Disk implements FileSource.Store {
        @Override
        public byte[] read(FileSource.Entry entry) throws IOException {
            try (InputStream in = Files.newInputStream((Path) entry.place())) {
                return in.readNBytes((int) entry.size() + 1); // one more byte shows a file that has grown
            }
        }

        @Override
        public void close() {}
    }
}
