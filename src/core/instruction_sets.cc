#include "core/instruction_sets.h"

#include <hwy/targets.h>

#include <cstdint>

#include "core/machine.h"

namespace lathe {

bool limit_instruction_sets() {
#if HWY_ARCH_X86
  static const bool once = [] {
    int64_t disabled = 0;  // in one call: each replaces what the former disabled
    if (max_isa() < Isa::kAvx512) disabled |= HWY_AVX3 | HWY_AVX3_DL;
    if (max_isa() < Isa::kAvx2) disabled |= HWY_AVX2 | HWY_SSE4 | HWY_SSSE3;
    if (disabled != 0) hwy::DisableTargets(disabled);
    return true;
  }();
  return once;
#else
  return true;
#endif
}

}  // namespace lathe
