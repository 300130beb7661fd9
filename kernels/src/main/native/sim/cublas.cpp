// libcublas.so.13 in name only: JavaCPP's glue for cuBLAS links to it beside libcublasLt.so.13, so it has to be found.
// Nothing of cuBLAS itself is called; a call that is missing here ends the process by name.
extern "C" __attribute__((visibility("default"))) const char* cublasGetStatusName(int) {
  return "cuBLAS is not simulated, only a stand-in for cuBLASLt is";
}
