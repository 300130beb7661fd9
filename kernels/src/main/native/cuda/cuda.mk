# The CUDA kernels of the jar: $(OUT)/cuda/<family>.ptx, one cubin an architecture, ptxas.tsv (what ptxas says of each
# kernel) and families.txt. The cubins are assembled from that PTX, so it is the very code that the simulated device runs.
# Without nvcc there is families.txt alone; the sources in the jar are then compiled by NVRTC where a program finds it.
#
# SDAE_CUDA_ARCHS="80 90" builds fewer cubins, SDAE_CUDA_ARCHS=ptx none at all.
NVCC            ?= $(shell command -v nvcc)
SDAE_CUDA_ARCHS ?= 80 86 89 90 100 120
CUDA_OUT        := $(OUT)/cuda
CUDA_FAMILIES   := $(basename $(notdir $(wildcard cuda/*.cu)))
CUDA_PTX        := $(CUDA_FAMILIES:%=$(CUDA_OUT)/%.ptx)
CUDA_CUBINS     := $(foreach a,$(filter-out ptx,$(SDAE_CUDA_ARCHS)),$(CUDA_FAMILIES:%=$(CUDA_OUT)/%.sm_$(a).cubin))

CUDA_LIST       := printf '%s\n' $(CUDA_FAMILIES) > $(CUDA_OUT)/families.txt

ifeq ($(NVCC),)
cuda:
	@rm -rf $(CUDA_OUT) && mkdir -p $(CUDA_OUT)
	@$(CUDA_LIST)
	@echo "CUDA: not built, there is no nvcc on PATH; --device cuda then needs NVRTC at run time, all else is complete"
else
cuda: $(CUDA_OUT)/ptxas.tsv $(CUDA_PTX)
endif

# nvcc 13 makes every variable local to its module; cuModuleGetGlobal is promised the visible ones only.
$(CUDA_OUT)/%.ptx: cuda/%.cu cuda/cuda.mk
	@mkdir -p $(CUDA_OUT)
	$(NVCC) -std=c++17 -arch=compute_80 -ptx -Werror all-warnings -Icuda -MD -MP -MF $(CUDA_OUT)/$*.d -MT $@ $< -o $@.new
	sed 's/^\.global \(.*_launch\[\)/.visible .global \1/' $@.new > $@ && rm $@.new

define cubin_rule
$(CUDA_OUT)/%.sm_$(1).cubin: $(CUDA_OUT)/%.ptx
	$(NVCC) -arch=sm_$(1) -cubin -Xptxas -v,-warn-spills $$< -o $$@ 2> $(CUDA_OUT)/$$*.sm_$(1).log || \
	  { cat $(CUDA_OUT)/$$*.sm_$(1).log >&2; exit 1; }
endef
$(foreach a,$(filter-out ptx,$(SDAE_CUDA_ARCHS)),$(eval $(call cubin_rule,$(a))))

# Also removes what families or architectures left behind that are no longer built.
$(CUDA_OUT)/ptxas.tsv: $(CUDA_CUBINS) $(CUDA_PTX) cuda/ptxas.awk
	@mkdir -p $(CUDA_OUT)
	@rm -f $(filter-out $(CUDA_PTX) $(CUDA_CUBINS) $(CUDA_CUBINS:.cubin=.log) $(CUDA_FAMILIES:%=$(CUDA_OUT)/%.d),$(wildcard $(CUDA_OUT)/*))
	@$(CUDA_LIST)
	awk -f cuda/ptxas.awk $(CUDA_CUBINS:.cubin=.log) /dev/null > $@

.PHONY: cuda
-include $(CUDA_FAMILIES:%=$(CUDA_OUT)/%.d)
