package sdae.data;

import java.util.Optional;
import sdae.config.Config;
import sdae.io.ExitCode;
import sdae.io.UserError;

/**
 * The images of a run: those it trains on, and those kept for evaluation, which no step ever sees. The evaluation part is the
 * data set's own test part, or a share held out by the hash of the names.
 */
public record RunData(ImageSource whole, ImageSource train, ImageSource test, Normalization normalization)
        implements AutoCloseable {
    private static final int MEASURED_IMAGES = 10_000;

    public static RunData open(Config config) {
        ImageSource whole = DataSets.open(config.text("data.path"));
        ImageSource train = whole;
        Optional<ImageSource> own = DataSets.openTest(config.text("data.path"));
        ImageSource test;
        if (own.isPresent()) {
            test = own.get();
        } else {
            ImageSource.Holdout split = whole.holdout(config.number("data.holdout"), 0);
            train = split.train();
            test = split.heldOut();
        }
        int limit = config.integer("data.limit");
        if (limit > 0 && limit < train.size()) {
            train = train.subset(train.evenly(limit));
        }
        return new RunData(whole, train, test, normalization(config, train));
    }

    /** As the settings say, or measured on these images. */
    public static Normalization normalization(Config config, ImageSource train) {
        int channels = config.integer("in_chans");
        float[] mean = values(config, "data.mean", channels);
        float[] std = values(config, "data.std", channels);
        if (mean != null && std != null) {
            return new Normalization(mean, std);
        }
        Normalization measured = Normalization.measure(
                train,
                channels,
                MEASURED_IMAGES,
                config.text("data.on_bad_image").equals("skip"));
        return new Normalization(mean == null ? measured.mean() : mean, std == null ? measured.std() : std);
    }

    /** The numbers of a comma separated setting, one a channel; null for auto. */
    private static float[] values(Config config, String key, int channels) {
        String text = config.text(key);
        if (text.equals("auto")) {
            return null;
        }
        String[] parts = text.split(",", -1);
        float[] values = new float[parts.length];
        try {
            for (int i = 0; i < parts.length; i++) {
                values[i] = Float.parseFloat(parts[i].strip());
            }
        } catch (NumberFormatException e) {
            values = new float[0];
        }
        if (values.length != channels) {
            throw new UserError(
                    ExitCode.CONFIG,
                    "config: " + key + " must be auto or " + channels + " numbers, comma separated, but is '" + text
                            + "'");
        }
        return values;
    }

    /** Batches of the training part from a micro step on, cropped at random. */
    public BatchLoader loader(Config config, int epoch, int step) {
        return loader(config, crop(config), epoch, step);
    }

    /** The same through another augmentation. */
    public BatchLoader loader(Config config, Augment augment, int epoch, int step) {
        var settings = BatchLoader.Settings.of(
                        config.integer("train.batch"), config.longInteger("seed"), config.integer("data.workers"))
                .startingAt(epoch, step);
        if (config.text("data.on_bad_image").equals("skip")) {
            settings = settings.skippingBad();
        }
        return new BatchLoader(train, augment, settings);
    }

    /** The crop that the settings ask for. */
    public RandomResizedCrop crop(Config config) {
        double[] scale = config.pair("data.crop_scale");
        double[] ratio = config.pair("data.crop_ratio");
        return new RandomResizedCrop(
                config.model().imageHeight(),
                config.model().imageWidth(),
                normalization,
                scale[0],
                scale[1],
                ratio[0],
                ratio[1],
                config.number("data.flip"));
    }

    /** Whether images carry classes, so that kNN means something. */
    public boolean labelled() {
        return train.classes().size() > 1 && test.classes().equals(train.classes());
    }

    @Override
    public void close() {
        whole.close();
        test.close();
    }
}
