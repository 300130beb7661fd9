package sdae.look;

/** Which of an encoder's tokens [1 + L, D] of an image become its feature. */
public enum Tokens {
    /** The mean of the patch tokens: [D]. */
    MEAN,
    /** The class token: [D]. */
    CLS,
    /** All of them, the class token first: [1 + L, D]. */
    TOKENS
}
