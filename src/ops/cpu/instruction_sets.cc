#include "ops/cpu/instruction_sets.h"

#include <hwy/targets.h>

#include "core/machine.h"

namespace lathe::ops::cpu {

bool limit_instruction_sets() {
#if HWY_ARCH_X86
  int64_t disabled = 0;  // in one call: each replaces what the former disabled
  if (max_isa() < Isa::kAvx512) disabled |= HWY_AVX3 | HWY_AVX3_DL;
  if (max_isa() < Isa::kAvx2) disabled |= HWY_AVX2;
  if (disabled != 0) hwy::DisableTargets(disabled);
#endif
  return true;
}

}  // namespace lathe::ops::cpu
