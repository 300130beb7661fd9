package sdae.tensor;

/**
 * Random numbers as a function of (seed, purpose, epoch, id, index): Philox4x32-10 (Salmon et al. 2011, "Parallel random
 * numbers: as easy as 1, 2, 3"). No state is shared, so threads, workers, batch layout and resuming cannot change a number.
 *
 * <p>Block b of a stream is philox(counter = {b, id, epoch, purpose}, key = {low, high half of seed}); the kernels'
 * {@code random_uniform} gives the same bits.
 */
public final class Philox {
    private final int key0;
    private final int key1;
    private final int id;
    private final int epoch;
    private final int purpose;
    private final int[] block = new int[4];
    private int next;

    /** The stream of one (purpose, epoch, id), at its start. {@code purpose} separates uses: see {@link Purpose}. */
    public Philox(long seed, Purpose purpose, int epoch, int id) {
        this.key0 = (int) seed;
        this.key1 = (int) (seed >>> 32);
        this.purpose = purpose.code;
        this.epoch = epoch;
        this.id = id;
    }

    /** What a number is for. The codes are part of every run's identity: never renumber one. */
    public enum Purpose {
        INIT(1),
        SHUFFLE(2),
        CROP(3),
        MASK(4),
        DROP_PATH(5),
        MIX(6),
        EVALUATION(7);

        public final int code;

        Purpose(int code) {
            this.code = code;
        }
    }

    /** The next 32 random bits. */
    public int nextBits() {
        int word = next & 3;
        if (word == 0) {
            generate(block, next >>> 2, id, epoch, purpose, key0, key1);
        }
        next++;
        return block[word];
    }

    /** Uniform in [0, 1), 24 bits. */
    public float uniform() {
        return (nextBits() >>> 8) * 0x1p-24f;
    }

    /** Uniform in [low, high). */
    public double uniform(double low, double high) {
        return low + (high - low) * uniform();
    }

    /** Uniform in 0..bound-1, without bias worth naming for bound below 2^31 (multiply-shift). */
    public int below(int bound) {
        return (int) ((Integer.toUnsignedLong(nextBits()) * bound) >>> 32);
    }

    /** Standard normal (Box-Muller, first of the pair). */
    public double gaussian() {
        double u = ((nextBits() >>> 8) + 1) * 0x1p-24;
        double v = (nextBits() >>> 8) * 0x1p-24;
        return Math.sqrt(-2 * StrictMath.log(u)) * StrictMath.cos(2 * Math.PI * v);
    }

    /** A permutation of 0..n-1 (Fisher-Yates). */
    public int[] permutation(int n) {
        int[] order = new int[n];
        for (int i = 0; i < n; i++) {
            int j = below(i + 1);
            order[i] = order[j];
            order[j] = i;
        }
        return order;
    }

    /** Philox4x32-10 of one counter and key into out[0..3]. */
    public static void generate(int[] out, int c0, int c1, int c2, int c3, int key0, int key1) {
        int k0 = key0;
        int k1 = key1;
        for (int round = 0; round < 10; round++) {
            long p0 = 0xD2511F53L * Integer.toUnsignedLong(c0);
            long p1 = 0xCD9E8D57L * Integer.toUnsignedLong(c2);
            c0 = (int) (p1 >>> 32) ^ c1 ^ k0;
            c1 = (int) p1;
            c2 = (int) (p0 >>> 32) ^ c3 ^ k1;
            c3 = (int) p0;
            k0 += 0x9E3779B9;
            k1 += 0xBB67AE85;
        }
        out[0] = c0;
        out[1] = c1;
        out[2] = c2;
        out[3] = c3;
    }
}
