#include <gtest/gtest.h>

#include "core/text.h"

namespace lathe {
namespace {

// L-2.12
TEST(TrapT5, TheFirstInvalidByteIsFoundAtEveryPlaceAndBehindValidOnes) {
  for (size_t before = 0; before < 40; ++before) {
    for (size_t after = 0; after < 20; ++after) {
      const std::string ascii(before, 'a'), rest(after, 'b');
      EXPECT_EQ(first_invalid_utf8(ascii + "\xFF" + rest), static_cast<int64_t>(before));
      EXPECT_EQ(first_invalid_utf8(ascii + "\u00E9" + rest), -1);
      EXPECT_EQ(first_invalid_utf8(ascii + "\u00E9" + rest + "\xE2\x82"), static_cast<int64_t>(before + 2 + after));
    }
  }
}

}  // namespace
}  // namespace lathe
