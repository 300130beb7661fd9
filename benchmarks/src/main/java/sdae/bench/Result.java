package sdae.bench;

import java.util.Arrays;

/**
 * What one implementation took for one case.
 *
 * @param seconds of one run, by process and round; rounds at the same place of two implementations were neighbours in time
 * @param peakBytes most memory resident in its process, 0 where that is not known
 * @param busy processor time of its process over time and threads: 1 where every thread kept a core busy; 0 where not known
 */
@SuppressWarnings("ArrayRecordComponent") // read, never compared
public record Result(
        Case timed,
        String implementation,
        String device,
        int threads,
        double[][] seconds,
        long peakBytes,
        double busy) {

    /** A result of which only times are known. */
    Result(Case timed, String implementation, String device, int threads, double[][] seconds) {
        this(timed, implementation, device, threads, seconds, 0, 0);
    }

    /** All rounds one after another. */
    double[] rounds() {
        return Arrays.stream(seconds).flatMapToDouble(Arrays::stream).toArray();
    }

    /** Median over all rounds. */
    double median() {
        return Ratios.median(rounds());
    }

    double gigaflops() {
        return timed.flops() / median() * 1e-9;
    }

    /** Compulsory bytes over time. */
    double gigabytes() {
        return timed.bytes() / median() * 1e-9;
    }

    double imagesPerSecond() {
        return timed.images() / median();
    }

    boolean ours() {
        return implementation.equals(SdaePeer.NAME);
    }

    /** Whether the other is the same case under the same conditions. */
    boolean sameAs(Result other) {
        return timed.name().equals(other.timed.name()) && device.equals(other.device) && threads == other.threads;
    }
}
