# The simulated CUDA device: libcuda.so.1 from sim/*.cpp, a libcudart.so.13 that only lets programs load, and a stand-in
# for libcublasLt.so.13 with an empty libcublas.so.13 beside it.
#   make sim        these libraries, in $(OUT)/sim
#   make sim-test   builds and runs every program of src/test/native/sim; each is one file with a main
#   make sim-faults prints the table of the faults that kernels are given, and what is said of each
SIM_OUT   := $(OUT)/sim
SIM_TESTS := ../../test/native/sim
# GCC 12 warns falsely of strings in precompiled headers.
SIM_FLAGS := -std=c++20 -O2 -fPIC -g1 -Wall -Wextra -Werror -Isim -MMD -MP -fvisibility=hidden -march=x86-64-v2 \
             -Wno-array-bounds -Wno-restrict -Wno-stringop-overflow -ffile-prefix-map=$(CURDIR)=. -ffile-prefix-map=$(OUT)=out
# The lane-wise loops, once per instruction set; exact IEEE arithmetic, but no errno, no traps.
SIM_FLAGS_access     := -O3  # loops over lanes
LANE_FLAGS           := -O3 -fno-math-errno -fno-trapping-math -ffp-contract=off
SIM_FLAGS_ops_base   := $(LANE_FLAGS)
SIM_FLAGS_ops_avx2   := $(LANE_FLAGS) -march=x86-64-v3
SIM_FLAGS_ops_avx512 := $(LANE_FLAGS) -march=x86-64-v4 -mprefer-vector-width=512
SIM_LINK  := -static-libstdc++ -static-libgcc -lpthread -ldl
SIM_FLAGS_matrix_float := -O3  # unrolled and vectorised: half the time
SIM_FLAGS_matrix_exact := -O3
# The header of the installed toolkit, where there is one: tests use it to prove that ours agrees with it.
CUDA_HEADER := $(firstword $(wildcard $(CUDA_HOME)/include/cuda.h $(dir $(shell command -v nvcc))../include/cuda.h \
               /usr/local/cuda/include/cuda.h))

SIM_OBJECTS := $(patsubst sim/%.cpp,$(SIM_OUT)/%.o,$(filter-out sim/cudart.cpp sim/cublas%.cpp,$(wildcard sim/*.cpp)))
SIM_CUDA    := $(SIM_OUT)/lib/libcuda.so.1
SIM_CUDART  := $(SIM_OUT)/lib/libcudart.so.13
SIM_CUBLAS  := $(SIM_OUT)/lib/libcublas.so.13 $(SIM_OUT)/lib/libcublasLt.so.13

sim: $(SIM_CUDA) $(SIM_CUDART) $(SIM_CUBLAS)

$(SIM_CUDA): $(SIM_OBJECTS) sim/exports.map | $(SIM_OUT)/lib
	$(CXX) -shared -Wl,-soname,libcuda.so.1 -Wl,--version-script,sim/exports.map -Wl,-z,noexecstack -Wl,-z,defs \
	  -Wl,--build-id=none -Wl,-S $(SIM_OBJECTS) -o $@ $(SIM_LINK)

$(SIM_OUT)/lib/libcublasLt.so.13: $(SIM_OUT)/cublasLt_launch.o $(SIM_CUDA)
$(SIM_OUT)/lib/lib%.so.13: $(SIM_OUT)/%.o sim/%.map | $(SIM_OUT)/lib
	$(CXX) -shared -Wl,-soname,$(notdir $@) -Wl,--version-script,sim/$*.map -Wl,-z,noexecstack -Wl,-z,defs -Wl,--build-id=none \
	  -Wl,-S $(filter %.o,$^) $(addprefix -L$(SIM_OUT)/lib -l:,$(notdir $(filter %.so.1,$^))) -o $@ $(SIM_LINK)

# Standard headers, read once: GCC takes std.h.gch in place of std.h where the flags are the same.
SIM_STD := $(SIM_OUT)/std.h
$(SIM_STD).gch: sim/std.h | $(SIM_OUT)/lib
	cp $< $(SIM_STD) && $(CXX) $(filter-out -MMD -MP,$(SIM_FLAGS)) -x c++-header $(SIM_STD) -o $@

$(SIM_OUT)/%.o: sim/%.cpp $(SIM_STD).gch | $(SIM_OUT)/lib
	$(CXX) $(SIM_FLAGS) $(or $(SIM_FLAGS_$*),-include $(SIM_STD)) -c $< -o $@

# Tests of the inside link what they need of the objects; those of the driver API (driver_*.cpp) see what a program sees, the library.
SIM_TEST_NAMES := $(basename $(notdir $(wildcard $(SIM_TESTS)/*.cpp)))
SIM_TEST_FLAGS := $(SIM_FLAGS) -include $(SIM_STD) -I$(SIM_TESTS) $(if $(CUDA_HEADER),-DSIM_REAL_CUDA_H -I$(dir $(CUDA_HEADER)))

$(SIM_OUT)/test/driver_%: $(SIM_TESTS)/driver_%.cpp $(SIM_CUDA) $(SIM_STD).gch | $(SIM_OUT)/test
	$(CXX) $(SIM_TEST_FLAGS) $< -o $@ -L$(SIM_OUT)/lib $(SIM_TEST_LIBS) -l:libcuda.so.1 -Wl,-rpath,$(abspath $(SIM_OUT)/lib) -lpthread

$(SIM_OUT)/test/driver_cublaslt_test: SIM_TEST_LIBS := -l:libcublasLt.so.13
$(SIM_OUT)/test/driver_cublaslt_test: $(SIM_CUBLAS)

# The suite's kernels, built as other people's would be; without nvcc the programs of the suite only say so.
NVCC      ?= $(shell command -v nvcc)
SUITE     := $(SIM_OUT)/suite
SUITE_PTX := $(if $(NVCC),$(patsubst $(SIM_TESTS)/suite/%.cu,$(SUITE)/%.ptx,$(wildcard $(SIM_TESTS)/suite/*.cu)))
$(SUITE)/%.ptx: $(SIM_TESTS)/suite/%.cu
	mkdir -p $(SUITE) && $(NVCC) -ptx -arch=sm_80 -std=c++17 $< -o $@
$(SIM_OUT)/test/driver_suite_%: SIM_TEST_FLAGS += -DSUITE_PTX='"$(abspath $(SUITE))"'
$(filter run-sim-driver_suite_%,$(SIM_TEST_NAMES:%=run-sim-%)): $(SUITE_PTX)

$(SIM_OUT)/libsim.a: $(SIM_OBJECTS)
	rm -f $@ && $(AR) rcs $@ $^

$(SIM_OUT)/test/%: $(SIM_TESTS)/%.cpp $(SIM_OUT)/libsim.a $(SIM_STD).gch | $(SIM_OUT)/test
	$(CXX) $(SIM_TEST_FLAGS) $< $(SIM_OUT)/libsim.a -o $@ -lpthread -ldl

# The compiler compares every function of the driver API with its declaration in the toolkit's header.
SIM_DECLARED := $(if $(CUDA_HEADER),$(patsubst sim/%.cpp,$(SIM_OUT)/test/%.declared,$(filter-out %_missing.cpp,$(wildcard sim/driver_*.cpp))))
$(SIM_OUT)/test/%.declared: sim/%.cpp $(SIM_STD).gch | $(SIM_OUT)/test
	$(CXX) $(filter-out -MMD -MP,$(SIM_TEST_FLAGS)) -fsyntax-only $< && touch $@

sim-test: $(SIM_TEST_NAMES:%=run-sim-%) $(SIM_DECLARED)
$(SIM_TEST_NAMES:%=run-sim-%): run-sim-%: $(SIM_OUT)/test/%
	cd $(SIM_TESTS) && $(abspath $<)

sim-faults: $(SIM_OUT)/test/faults_test
	cd $(SIM_TESTS) && $(abspath $<) table

$(SIM_OUT)/lib $(SIM_OUT)/test:
	mkdir -p $@

.PHONY: sim sim-test sim-faults $(SIM_TEST_NAMES:%=run-sim-%)
-include $(SIM_OBJECTS:.o=.d) $(SIM_TEST_NAMES:%=$(SIM_OUT)/test/%.d)
