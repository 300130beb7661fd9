package sdae.tensor;

/** Where an op's backward leaves the gradients of its inputs. A gradient buffer has exactly one owner. */
public interface Gradients {
    /** Whether the gradient of x is wanted; when not, the op need not compute it. */
    boolean wants(Tensor x);

    /** Gives dx away as (part of) the gradient of x: adopted when it is the first, added when it is not. */
    void add(Tensor x, Tensor dx);

    /** Moves the incoming gradient dy on to x. At most once per backward, and dy is not read afterwards. */
    void passOn(Tensor x, Tensor dy);
}
