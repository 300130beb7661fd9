package sdae.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.awt.image.BufferedImage;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class BatchLoaderTest {
    private static final Augment CROP =
            new RandomResizedCrop(6, 8, new Normalization(new float[] {0.4f}, new float[] {0.2f}), 0.2, 1);

    private record Source(int size, int bad) implements ImageSource {
        @Override
        public String name(int i) {
            return "image-" + i;
        }

        @Override
        public int label(int i) {
            return i % 3;
        }

        @Override
        public List<String> classes() {
            return List.of("a", "b", "c");
        }

        @Override
        public RawImage read(int i) {
            if (i < bad) {
                throw new BadImageException(name(i), "broken", "");
            }
            byte[] pixels = new byte[9 * 11];
            for (int k = 0; k < pixels.length; k++) {
                pixels[k] = (byte) (k * (i + 3));
            }
            return new RawImage(11, 9, 1, pixels);
        }

        @Override
        public String fingerprint() {
            return "test";
        }
    }

    private static String run(BatchLoader.Settings settings, int batches) {
        StringBuilder text = new StringBuilder();
        try (BatchLoader loader = new BatchLoader(new Source(50, 0), CROP, settings)) {
            for (int i = 0; i < batches; i++) {
                Batch b = loader.next();
                text.append(b.epoch()).append(' ').append(b.step()).append(' ').append(b.size());
                for (int k = 0; k < b.size(); k++) {
                    assertEquals(b.ids()[k] % 3, b.labels()[k]);
                    text.append(' ').append(b.ids()[k]).append(':');
                    int hash = 0;
                    for (int j = 0; j < 48; j++) {
                        hash = hash * 31 + Float.floatToIntBits(b.images()[k * 48 + j]);
                    }
                    text.append(hash);
                }
                text.append('\n');
                b.release();
            }
        }
        return text.toString();
    }

    @Test
    void workersDoNotChangeABatch() {
        String expected = run(BatchLoader.Settings.of(8, 7, 0), 20);
        assertEquals(expected, run(BatchLoader.Settings.of(8, 7, 1), 20));
        assertEquals(expected, run(BatchLoader.Settings.of(8, 7, 3), 20));
        assertFalse(expected.equals(run(BatchLoader.Settings.of(8, 8, 0), 20)));
    }

    /** JPEGs of several sizes, grey among them, and which buffers they were decoded into. */
    private record Jpegs(Set<NativeBuffer> buffers, AtomicInteger decoded, List<byte[]> files) implements ImageSource {
        static Jpegs fresh() {
            List<byte[]> files = new ArrayList<>();
            for (int i = 0; i < 12; i++) {
                int type = i % 4 == 0 ? BufferedImage.TYPE_BYTE_GRAY : BufferedImage.TYPE_INT_RGB;
                files.add(TestImages.encode(TestImages.picture(20 + 7 * i, 60 - 3 * i, type), "jpeg"));
            }
            return new Jpegs(ConcurrentHashMap.newKeySet(), new AtomicInteger(), files);
        }

        @Override
        public int size() {
            return files.size();
        }

        @Override
        public String name(int i) {
            return "image-" + i;
        }

        @Override
        public int label(int i) {
            return i;
        }

        @Override
        public List<String> classes() {
            return List.of();
        }

        @Override
        public RawImage read(int i) {
            return read(i, null);
        }

        @Override
        public RawImage read(int i, NativeBuffer memory) {
            if (memory != null) {
                buffers.add(memory);
            }
            decoded.incrementAndGet();
            return ImageDecoder.preferred().decode(files.get(i), name(i), memory);
        }

        @Override
        public String fingerprint() {
            return "test";
        }
    }

    private static List<float[]> images(Jpegs source, int channels, int workers, long cacheBytes) {
        Normalization norm =
                channels == 1 ? new Normalization(new float[] {0.4f}, new float[] {0.2f}) : Normalization.imageNet();
        List<float[]> images = new ArrayList<>();
        try (BatchLoader loader = new BatchLoader(
                source,
                new RandomResizedCrop(16, 24, norm, 0.2, 1),
                BatchLoader.Settings.of(4, 7, workers),
                cacheBytes)) {
            for (int i = 0; i < 30; i++) {
                Batch b = loader.next();
                images.add(b.images().clone());
                b.release();
            }
        }
        return images;
    }

    @Test
    void pastTheCacheEachWorkerHasOneBufferAndTheBatchesStayTheSame() {
        for (int channels : new int[] {1, 3}) {
            Jpegs cached = Jpegs.fresh();
            List<float[]> expected = images(cached, channels, 0, Long.MAX_VALUE);
            assertEquals(12, cached.decoded.get());
            assertEquals(Set.of(), cached.buffers);
            for (int workers : new int[] {0, 1, 3}) {
                for (long cacheBytes : new long[] {-1, 20_000}) {
                    Jpegs source = Jpegs.fresh();
                    List<float[]> got = images(source, channels, workers, cacheBytes);
                    for (int i = 0; i < expected.size(); i++) {
                        assertArrayEquals(expected.get(i), got.get(i));
                    }
                    assertTrue(
                            !source.buffers.isEmpty() && source.buffers.size() <= Math.max(1, workers),
                            workers + " workers: " + source.buffers.size());
                    assertTrue(source.decoded.get() > 12, "nothing was decoded again");
                }
            }
        }
    }

    @Test
    void resumingInTheMiddleOfAnEpochContinues() {
        String all = run(BatchLoader.Settings.of(8, 7, 0), 20);
        int from = IntStream.range(0, 9).reduce(0, (at, i) -> all.indexOf('\n', at) + 1);
        assertEquals(all.substring(from), run(BatchLoader.Settings.of(8, 7, 2).startingAt(1, 3), 11));
    }

    @Test
    void anEpochHoldsEveryImageOnce() {
        try (BatchLoader loader = new BatchLoader(
                new Source(50, 0), CROP, BatchLoader.Settings.of(8, 7, 2).keepingLast())) {
            assertEquals(7, loader.stepsPerEpoch());
            int[] seen = new int[50];
            for (int i = 0; i < 7; i++) {
                Batch b = loader.next();
                assertEquals(i == 6 ? 2 : 8, b.size());
                for (int k = 0; k < b.size(); k++) {
                    seen[b.ids()[k]]++;
                }
                b.release();
            }
            assertArrayEquals(IntStream.generate(() -> 1).limit(50).toArray(), seen);
        }
    }

    @Test
    void anEpochHasItsOwnOrderAndCrops() {
        try (BatchLoader loader = new BatchLoader(new Source(1, 0), CROP, BatchLoader.Settings.of(1, 7, 0))) {
            Batch first = loader.next();
            float[] images = first.images().clone();
            first.release();
            assertFalse(Arrays.equals(images, loader.next().images()));
        }
        String text = run(BatchLoader.Settings.of(50, 7, 0), 2).replaceAll(":-?[0-9]+", "");
        String[] epochs = text.split("\n", -1);
        assertFalse(epochs[0].substring(2).equals(epochs[1].substring(2)));
    }

    @Test
    void aBrokenImageArrivesAtNextWithItsName() {
        for (int workers : new int[] {0, 2}) {
            try (BatchLoader loader =
                    new BatchLoader(new Source(10, 1), CROP, BatchLoader.Settings.of(10, 7, workers))) {
                BadImageException e = assertThrows(BadImageException.class, loader::next);
                assertTrue(e.getMessage().contains("image-0: broken"), e.getMessage());
            }
        }
    }

    @Test
    void skippingTakesTheNextIndexUpToTheCap() {
        BatchLoader.Settings settings = BatchLoader.Settings.of(10, 7, 2).skippingBad();
        try (BatchLoader loader = new BatchLoader(new Source(10, 1), CROP, settings)) {
            Batch b = loader.next();
            assertEquals(2, IntStream.of(b.ids()).filter(i -> i == 1).count());
            assertEquals(1, loader.badImages());
        }
        try (BatchLoader loader = new BatchLoader(new Source(10, 2), CROP, settings)) {
            BadImageException e = assertThrows(BadImageException.class, loader::next);
            assertTrue(e.getMessage().contains("more than 1 broken images"), e.getMessage());
        }
    }

    @Test
    void misuseIsRefused() {
        assertThrows(
                IllegalArgumentException.class,
                () -> new BatchLoader(new Source(5, 0), CROP, BatchLoader.Settings.of(8, 7, 0)));
        try (BatchLoader loader = new BatchLoader(new Source(50, 0), CROP, BatchLoader.Settings.of(8, 7, 2))) {
            Batch first = loader.next();
            loader.next();
            loader.next();
            assertThrows(IllegalStateException.class, loader::next);
            first.release();
            assertThrows(IllegalStateException.class, first::release);
        }
    }
}
