package sdae.kernels;

import java.util.List;
import org.bytedeco.javacpp.Loader;

/**
 * Loads the native library, once, and checks that it is the one this jar was built with. Call {@link #load()} before
 * the first use of {@link Native}; it costs nothing afterwards.
 */
public final class Kernels {
    /** Every instruction set, each a superset of the one before; the names that {@link #useIsa} takes. */
    public static final List<String> ISAS = List.of("base", "avx2", "avx512", "avx512_bf16", "amx");

    private static final int ABI = 2;
    private static boolean loaded;

    private Kernels() {}

    /**
     * Loads the library.
     *
     * @throws IllegalStateException when it cannot be loaded, saying what was looked for and how to mend it
     */
    public static synchronized void load() {
        if (loaded) {
            return;
        }
        // JavaCPP's own limits follow -Xmx and its collector thread walks a global list: ours replaces both.
        System.setProperty("org.bytedeco.javacpp.maxBytes", "0");
        System.setProperty("org.bytedeco.javacpp.maxPhysicalBytes", "0");
        System.setProperty("org.bytedeco.javacpp.nopointergc", "true");
        try {
            Loader.load(Native.class);
        } catch (UnsatisfiedLinkError e) {
            throw new IllegalStateException(
                    "kernels: no native library for " + Loader.getPlatform()
                            + " (looked on the class path for sdae/kernels/"
                            + Loader.getPlatform() + "/libsdae_kernels.so, unpacked to " + cacheFolder()
                            + "); build it with 'mvn -pl kernels package' on a machine with g++ and make. Cause: "
                            + e.getMessage(),
                    e);
        }
        int abi = Native.sk_abi();
        if (abi != ABI) {
            throw new IllegalStateException("kernels: the native library has ABI " + abi + ", these classes want " + ABI
                    + "; delete " + cacheFolder() + " and build again");
        }
        loaded = true;
    }

    private static String cacheFolder() {
        try {
            return Loader.getCacheDir().toString();
        } catch (java.io.IOException e) {
            return "JavaCPP's cache folder";
        }
    }

    /** The instruction set in use, one of {@link #ISAS}. */
    public static String isa() {
        load();
        return Native.sk_isa().getString();
    }

    /** Switches the instruction set; returns whether this CPU has it. */
    public static boolean useIsa(String name) {
        load();
        return Native.sk_set_isa(name) == 0;
    }
}
