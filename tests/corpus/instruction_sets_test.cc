#include <gtest/gtest.h>
#include <hwy/targets.h>

#include <string>
#include <vector>

#include "core/machine.h"
#include "corpus/minhash_kernel.h"

namespace lathe::corpus {
namespace {

// The whole program is run once per level (LATHE_MAX_ISA); this says that the level was in force.
TEST(InstructionSets, SignaturesAreHeldToTheLevelAskedFor) {
  const uint64_t hash = 1;
  std::vector<uint32_t> multipliers(128, 3), signature(128, ~uint32_t{0});
  minhash_update(&hash, 1, multipliers.data(), 128, signature.data());
#if HWY_ARCH_X86
  const int64_t targets = hwy::SupportedTargets();
  EXPECT_EQ((targets & HWY_AVX3) != 0, max_isa() >= Isa::kAvx512) << isa_name(max_isa());
  EXPECT_EQ((targets & HWY_AVX2) != 0, max_isa() >= Isa::kAvx2) << isa_name(max_isa());
#endif
}

}  // namespace
}  // namespace lathe::corpus
