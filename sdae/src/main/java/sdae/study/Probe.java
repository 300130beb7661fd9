package sdae.study;

import java.util.Locale;

/** What is measured when a run is done. */
enum Probe {
    KNN("kNN"),
    RIDGE("ridge"),
    LOGISTIC("logistic"),
    FINETUNE("fine-tuned");

    final String title;

    Probe(String title) {
        this.title = title;
    }

    /** As a config and study.csv have it. */
    String word() {
        return name().toLowerCase(Locale.ROOT);
    }
}
