#include <gtest/gtest.h>
#include <hwy/targets.h>

#include <string>
#include <vector>

#include "core/machine.h"
#include "tokenizer/split.h"

namespace lathe::tokenizer {
namespace {

// The whole program is run once per level (LATHE_MAX_ISA); this says that the level was in force.
TEST(InstructionSets, WindowsAreHeldToTheLevelAskedFor) {
  for_each_piece(chat_split(), std::string(200, 'a'), [](std::string_view) {});
#if HWY_ARCH_X86
  const int64_t targets = hwy::SupportedTargets();
  EXPECT_EQ((targets & HWY_AVX3) != 0, max_isa() >= Isa::kAvx512) << isa_name(max_isa());
  EXPECT_EQ((targets & HWY_AVX2) != 0, max_isa() >= Isa::kAvx2) << isa_name(max_isa());
#endif
}

}  // namespace
}  // namespace lathe::tokenizer
