/** What a device is made of and whether it computes right: the self-test, the table of kernels, occupancy and bounds. */
package sdae.gpu;
