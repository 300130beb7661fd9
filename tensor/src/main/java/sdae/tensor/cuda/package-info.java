/** The CUDA device, on the driver API alone: the GPU's own {@code libcuda.so.1}, or the simulator's. */
package sdae.tensor.cuda;
