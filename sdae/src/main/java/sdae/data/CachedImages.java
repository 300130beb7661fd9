package sdae.data;

import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;

/**
 * A source's images, kept in memory as far as the room lasts; with skipBad, a broken one is replaced by the next index. For any
 * number of threads.
 */
final class CachedImages {
    private static final System.Logger LOG = System.getLogger("sdae.data");

    private final ImageSource source;
    private final boolean skipBad;
    private final int badLimit;
    private final RawImage[] cache;
    private final AtomicLong room; // bytes; below 0: full
    private final Set<Integer> bad = ConcurrentHashMap.newKeySet();

    CachedImages(ImageSource source, boolean skipBad, long bytes) {
        this.source = source;
        this.skipBad = skipBad;
        badLimit = Math.max(1, Math.min(1000, source.size() / 1000));
        cache = source.inMemory() ? null : new RawImage[source.size()];
        room = new AtomicLong(bytes);
    }

    /** An image and its index, another than the wanted one where that is broken. */
    record Found(int id, RawImage image) {}

    /** Once the cache is full, the image lasts until pixels is used again. @throws BadImageException also for one too many */
    Found find(int wanted, NativeBuffer pixels) {
        int id = wanted;
        while (true) {
            try {
                return new Found(id, read(id, pixels));
            } catch (BadImageException e) {
                id = next(id, e);
            }
        }
    }

    /** Broken images met so far, when they are skipped. */
    int broken() {
        return bad.size();
    }

    private int next(int id, BadImageException e) {
        if (!skipBad) {
            throw e;
        }
        if (bad.add(id)) {
            LOG.log(System.Logger.Level.WARNING, "skipped: " + e.getMessage());
        }
        if (bad.size() > badLimit || bad.size() == source.size()) {
            throw new BadImageException(
                    e.path(), e.reason(), "more than " + badLimit + " broken images; " + e.hint(), e);
        }
        return (id + 1) % source.size();
    }

    private RawImage read(int id, NativeBuffer pixels) {
        if (cache == null) {
            return source.read(id);
        }
        RawImage image = cache[id]; // a race is harmless: images are immutable and equal
        if (image != null) {
            return image;
        }
        if (room.get() < 0) {
            return source.read(id, pixels);
        }
        image = source.read(id);
        if (room.addAndGet(-image.memory().capacity()) >= 0) {
            cache[id] = image;
        }
        return image;
    }
}
