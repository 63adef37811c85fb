#include "core/byte_size.h"

#include <gtest/gtest.h>

#include "tests/ref/testing.h"

namespace lathe {
namespace {

TEST(ByteSize, ReadsNumbersAndUnits) {
  const auto bytes = [](const char* text) { return testing::take(parse_byte_size(text)); };
  EXPECT_EQ(bytes("0"), 0);
  EXPECT_EQ(bytes("12345"), 12345);
  EXPECT_EQ(bytes(" 12 B "), 12);
  EXPECT_EQ(bytes("1GB"), 1000000000);
  EXPECT_EQ(bytes("1.5e3k"), 1500000);
  EXPECT_EQ(bytes("2 gib"), int64_t{2} << 30);
  EXPECT_EQ(bytes("0.5MiB"), 1 << 19);
  EXPECT_EQ(bytes("3T"), 3000000000000);
}

TEST(ByteSize, RefusesTheRest) {
  for (const char* text : {"", "GB", "-1", "nan", "inf", "1XB", "1 GBB", "1G2", "1 KIIB", "1I", "1e30", "10000000000 GB"})
    EXPECT_FALSE(parse_byte_size(text).ok()) << text;
}

}  // namespace
}  // namespace lathe
