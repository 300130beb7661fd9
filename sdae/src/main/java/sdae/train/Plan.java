package sdae.train;

import sdae.config.Config;
import sdae.io.ExitCode;
import sdae.io.UserError;
import sdae.nn.Schedules;

/**
 * What a step is called and which rates it uses: a function of the config and the number of batches in an epoch, so a resumed
 * run meets the same numbers. An update takes {@code accumulate} batches; epochs are counted in batches.
 */
final class Plan {
    private final Config config;
    private final int batchesPerEpoch;
    private final int accumulate;
    private final long updates;
    private final double[] momenta;

    Plan(Config config, int batchesPerEpoch) {
        this.config = config;
        this.batchesPerEpoch = batchesPerEpoch;
        this.accumulate = config.integer("train.accumulate");
        int steps = config.integer("train.steps");
        updates = steps > 0
                ? steps
                : (long) Math.floor(config.number("train.epochs") * batchesPerEpoch / accumulate + 1e-9);
        if (updates == 0) {
            throw new UserError(
                    ExitCode.CONFIG,
                    "config: " + config.number("train.epochs") + " epochs of " + batchesPerEpoch + " batches, "
                            + accumulate + " an update, make no update; raise train.epochs or lower train.accumulate");
        }
        int epochs = Math.max(1, (int) Math.ceil(epochs() - 1e-9));
        momenta = Schedules.momentum(
                config.number("ema.m0"),
                config.number("ema.m1"),
                epochs,
                Math.min(epochs - 1, config.integer("ema.warmup_epochs")),
                config.number("ema.m0"));
    }

    /** Updates of the whole run. */
    long updates() {
        return updates;
    }

    /** Epochs of the whole run, in fractions. */
    double epochs() {
        return epochAt(updates);
    }

    /** Fractional epochs after so many updates. */
    double epochAt(long update) {
        return (double) update * accumulate / batchesPerEpoch;
    }

    /** The epoch that the next batch after so many updates belongs to. */
    int dataEpoch(long update) {
        return (int) (update * accumulate / batchesPerEpoch);
    }

    /** Its place in that epoch. */
    int dataStep(long update) {
        return (int) (update * accumulate % batchesPerEpoch);
    }

    double learningRate(long update) {
        return Schedules.warmupCosine(
                epochAt(update), config.peakLearningRate(), config.number("optim.min_lr"), warmup(), epochs());
    }

    /** Warm-up in epochs; no longer than a fifth of a run that train.steps cut short. */
    private double warmup() {
        double asked = config.number("train.warmup_epochs");
        return asked <= epochs() ? asked : epochs() / 5;
    }

    double weightDecay(long update) {
        return Schedules.cosine(epochAt(update) / epochs(), config.number("wd.start"), config.number("wd.end"));
    }

    /** The momentum of the teacher's update after update number {@code update} (from 1), or -1 for none. */
    double momentum(long update) {
        String every = config.text("ema.every");
        int interval = 1;
        if (every.equals("epoch")) {
            if (dataEpoch(update) == dataEpoch(update - 1)) {
                return -1;
            }
        } else if (!every.equals("iter")) {
            interval = Integer.parseInt(every);
            if (update % interval != 0) {
                return -1;
            }
        }
        double share = config.number("ema.halflife_frac");
        if (share > 0) {
            double between = every.equals("epoch") ? (double) batchesPerEpoch / accumulate : interval;
            return Schedules.halfLifeMomentum(share * updates / between);
        }
        return momenta[Math.min(momenta.length - 1, dataEpoch(update - 1))];
    }

    /** Whether {@code every} epochs have passed with this update and not before. */
    boolean passes(double every, long update) {
        return every > 0 && Math.floor(epochAt(update) / every + 1e-9) > Math.floor(epochAt(update - 1) / every + 1e-9);
    }

    /** Steps in which the teacher forgets half of what it was, at the start of the run. */
    double halfLife() {
        double share = config.number("ema.halflife_frac");
        if (share > 0) {
            return share * updates;
        }
        double each = Math.log(0.5) / Math.log(Math.max(1e-12, momenta[0]));
        String every = config.text("ema.every");
        return each
                * (every.equals("epoch")
                        ? (double) batchesPerEpoch / accumulate
                        : every.equals("iter") ? 1 : Integer.parseInt(every));
    }
}
