/**
 * Every kernel of a {@link sdae.tensor.Backend} as a case: inputs from a seed, a plain double reference, a tolerance with its
 * reason, and what it must cost at least. {@code sdae selftest} checks them, {@code sdae kernels} studies them, and a
 * benchmark checks one before it times it.
 */
package sdae.tensor.check;
