package sdae.gpu;

import java.util.List;

/**
 * What a multiprocessor of a compute capability holds, and how it gives out registers and shared memory. From the CUDA C++
 * Programming Guide 13.0, "Technical Specifications per Compute Capability", and {@code cuda_occupancy.h} of toolkit 13.0.
 *
 * @param threads most resident threads
 * @param blocks most resident blocks
 * @param shared bytes of shared memory
 * @param sharedOfBlock most bytes that a block can ask for
 */
public record Architecture(String name, int threads, int blocks, int shared, int sharedOfBlock) {
    private static final int KIB = 1024;

    public static final List<Architecture> ALL = List.of(
            new Architecture("sm_80", 2048, 32, 164 * KIB, 163 * KIB),
            new Architecture("sm_86", 1536, 16, 100 * KIB, 99 * KIB),
            new Architecture("sm_89", 1536, 24, 100 * KIB, 99 * KIB),
            new Architecture("sm_90", 2048, 32, 228 * KIB, 227 * KIB),
            new Architecture("sm_100", 2048, 32, 228 * KIB, 227 * KIB),
            new Architecture("sm_120", 1536, 24, 100 * KIB, 99 * KIB));

    private static final int WARP = 32;
    /** 32-bit registers of the multiprocessor; its four parts have a quarter each. */
    private static final int REGISTERS = 64 * KIB;

    private static final int PARTS = 4;
    private static final int REGISTER_UNIT = 256;
    private static final int SHARED_UNIT = 128;
    /** What the driver takes of each block's shared memory. */
    private static final int SHARED_RESERVED = KIB;

    /** The architecture of that name; throws for others. */
    public static Architecture of(String name) {
        return ALL.stream()
                .filter(a -> a.name.equals(name))
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException("architecture: " + name + " is not in the table"));
    }

    /** How many blocks are resident at once, and what forbids one more. */
    public record Occupancy(int blocks, int warps, int mostWarps, String limit) {
        /** Share of the resident warps that there may be. */
        public double share() {
            return (double) warps / mostWarps;
        }
    }

    /** Of blocks of so many threads, registers a thread, and bytes of shared memory, static and dynamic together. */
    public Occupancy occupancy(int blockThreads, int registers, int sharedBytes) {
        int warps = divideUp(blockThreads, WARP);
        int byThreads = threads / WARP / warps;
        int byRegisters = byRegisters(warps, registers);
        int block = divideUp(sharedBytes + SHARED_RESERVED, SHARED_UNIT) * SHARED_UNIT;
        int byShared = sharedBytes > sharedOfBlock ? 0 : shared / block;
        int resident = Math.min(Math.min(byThreads, blocks), Math.min(byRegisters, byShared));
        String limit = resident == byThreads
                ? "threads"
                : resident == blocks ? "blocks" : resident == byShared ? "shared" : "registers";
        return new Occupancy(resident, resident * warps, threads / WARP, limit);
    }

    /** Registers come in units per warp, from the part that the warp runs on. */
    private static int byRegisters(int warps, int registers) {
        if (registers == 0) {
            return Integer.MAX_VALUE;
        }
        int warp = divideUp(registers * WARP, REGISTER_UNIT) * REGISTER_UNIT;
        // a launch is checked as if each part took its share of the block, rounded up
        if (warp * divideUp(warps, PARTS) * PARTS > REGISTERS) {
            return 0;
        }
        return REGISTERS / PARTS / warp * PARTS / warps;
    }

    private static int divideUp(int a, int b) {
        return (a + b - 1) / b;
    }
}
