package sdae.data;

import java.util.function.IntUnaryOperator;

/** Changes of colour as Pillow's ImageOps and ImageEnhance make them on bytes; each returns a new image. */
final class ColourOps {
    private ColourOps() {}

    private static RawImage like(RawImage image, byte[] pixels) {
        return new RawImage(image.width(), image.height(), image.channels(), pixels);
    }

    /** Each value through a table. */
    static RawImage map(RawImage image, IntUnaryOperator table) {
        byte[] values = new byte[256];
        for (int v = 0; v < 256; v++) {
            values[v] = (byte) table.applyAsInt(v);
        }
        byte[] out = new byte[image.pixels().length];
        for (int i = 0; i < out.length; i++) {
            out[i] = values[image.pixels()[i] & 0xff];
        }
        return like(image, out);
    }

    static RawImage invert(RawImage image) {
        return map(image, v -> 255 - v);
    }

    /** Keeps the highest bits. */
    static RawImage posterize(RawImage image, int bits) {
        int mask = bits >= 8 ? 255 : ~((1 << (8 - bits)) - 1) & 255;
        return map(image, v -> v & mask);
    }

    /** Inverts values from the threshold on. */
    static RawImage solarize(RawImage image, int threshold) {
        return map(image, v -> v < threshold ? v : 255 - v);
    }

    /** Adds to values below 128. */
    static RawImage solarizeAdd(RawImage image, int add) {
        return map(image, v -> v < 128 ? Math.min(255, v + add) : v);
    }

    private static int[] histogram(RawImage image, int channel) {
        int[] counts = new int[256];
        for (int i = channel; i < image.pixels().length; i += image.channels()) {
            counts[image.pixels()[i] & 0xff]++;
        }
        return counts;
    }

    private interface Tables {
        int[] of(int[] histogram);
    }

    private static RawImage byChannel(RawImage image, Tables tables) {
        byte[] out = new byte[image.pixels().length];
        for (int c = 0; c < image.channels(); c++) {
            int[] table = tables.of(histogram(image, c));
            for (int i = c; i < out.length; i += image.channels()) {
                int v = image.pixels()[i] & 0xff;
                out[i] = (byte) (table == null ? v : table[v]);
            }
        }
        return like(image, out);
    }

    /** Stretches each channel to 0..255. */
    static RawImage autoContrast(RawImage image) {
        return byChannel(image, counts -> {
            int low = 0;
            int high = 255;
            while (low < 255 && counts[low] == 0) {
                low++;
            }
            while (high > 0 && counts[high] == 0) {
                high--;
            }
            if (high <= low) {
                return null;
            }
            double scale = 255.0 / (high - low);
            double offset = -low * scale;
            int[] table = new int[256];
            for (int v = 0; v < 256; v++) {
                table[v] = clip((int) (v * scale + offset));
            }
            return table;
        });
    }

    /** Makes each channel's histogram flat. */
    static RawImage equalize(RawImage image) {
        return byChannel(image, counts -> {
            int last = 255;
            while (last > 0 && counts[last] == 0) {
                last--;
            }
            int step = (image.width() * image.height() - counts[last]) / 255;
            if (step == 0) { // one value only, or too few pixels: as it is
                return null;
            }
            int[] table = new int[256];
            int n = step / 2;
            for (int v = 0; v < 256; v++) {
                table[v] = clip(n / step);
                n += counts[v];
            }
            return table;
        });
    }

    private static int clip(int v) {
        return Math.max(0, Math.min(255, v));
    }

    /** base + factor * (image - base), truncated; base is of the image's size. */
    private static RawImage blend(byte[] base, RawImage image, float factor) {
        byte[] out = new byte[base.length];
        for (int i = 0; i < out.length; i++) {
            int b = base[i] & 0xff;
            float v = b + factor * ((image.pixels()[i] & 0xff) - b);
            out[i] = (byte) (v <= 0 ? 0 : v >= 255 ? 255 : (int) v);
        }
        return like(image, out);
    }

    /** Away from grey; a grey image stays. */
    static RawImage colour(RawImage image, double factor) {
        return blend(image.withChannels(1).withChannels(image.channels()).pixels(), image, (float) factor);
    }

    /** Away from the mean luma. */
    static RawImage contrast(RawImage image, double factor) {
        RawImage luma = image.withChannels(1);
        long sum = 0;
        for (byte v : luma.pixels()) {
            sum += v & 0xff;
        }
        byte[] base = new byte[image.pixels().length];
        java.util.Arrays.fill(base, (byte) (int) ((double) sum / luma.pixels().length + 0.5));
        return blend(base, image, (float) factor);
    }

    /** Away from black. */
    static RawImage brightness(RawImage image, double factor) {
        return blend(new byte[image.pixels().length], image, (float) factor);
    }

    /** Away from the image smoothed by (1 1 1, 1 5 1, 1 1 1) / 13, whose border is the image's. */
    static RawImage sharpness(RawImage image, double factor) {
        int channels = image.channels();
        int line = image.width() * channels;
        byte[] in = image.pixels();
        byte[] smooth = in.clone();
        for (int y = 1; y < image.height() - 1; y++) {
            for (int i = y * line + channels; i < (y + 1) * line - channels; i++) {
                int sum = 4 * (in[i] & 0xff);
                for (int dy = -line; dy <= line; dy += line) {
                    for (int dx = -channels; dx <= channels; dx += channels) {
                        sum += in[i + dy + dx] & 0xff;
                    }
                }
                smooth[i] = (byte) (int) (sum / 13f + 0.5f);
            }
        }
        return blend(smooth, image, (float) factor);
    }
}
