#include "tensor/dtype.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace lathe {
namespace {

TEST(BFloat16, RoundsToNearestTiesToEven) {
  const auto bits = [](uint32_t single) { return bf16(std::bit_cast<float>(single)).bits; };
  EXPECT_EQ(bits(0x3F800000), 0x3F80);  // exact
  EXPECT_EQ(bits(0x3F807FFF), 0x3F80);  // below the tie
  EXPECT_EQ(bits(0x3F808000), 0x3F80);  // tie, even below
  EXPECT_EQ(bits(0x3F818000), 0x3F82);  // tie, even above
  EXPECT_EQ(bits(0x3F808001), 0x3F81);  // above the tie
  EXPECT_EQ(bits(0xBF818000), 0xBF82);
  EXPECT_EQ(bits(0x7F7FFFFF), 0x7F80);  // the largest float becomes infinity
  EXPECT_EQ(bits(0x80000000), 0x8000);  // -0
  EXPECT_EQ(bits(0x00008001), 0x0001);  // subnormal
}

TEST(BFloat16, KeepsNotANumberAndInfinity) {
  for (const uint32_t nan : {0x7F800001u, 0x7FFFFFFFu, 0xFF800001u, 0xFFFFFFFFu, 0x7FC00000u})
    EXPECT_TRUE(std::isnan(static_cast<float>(bf16(std::bit_cast<float>(nan))))) << nan;
  const float infinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ(static_cast<float>(bf16(infinity)), infinity);
  EXPECT_EQ(static_cast<float>(bf16(-infinity)), -infinity);
}

// All 65536 values, NaN apart, survive the way to float and back.
TEST(BFloat16, EveryValueRoundTrips) {
  int64_t compared = 0;
  for (uint32_t u = 0; u < 0x10000; ++u) {
    bf16 value;
    value.bits = static_cast<uint16_t>(u);
    const auto wide = static_cast<float>(value);
    if (std::isnan(wide)) continue;
    ASSERT_EQ(bf16(wide).bits, u);
    ++compared;
  }
  EXPECT_EQ(compared, 0x10000 - 2 * 127);
}

TEST(DTypeNames, ParseBackAndRefuseOthers) {
  for (const DType dtype : {DType::kFloat32, DType::kBFloat16, DType::kInt32, DType::kUInt8, DType::kFloat64, DType::kInt64}) {
    const auto parsed = parse_dtype(dtype_name(dtype));
    ASSERT_TRUE(parsed.ok()) << dtype_name(dtype);
    EXPECT_EQ(parsed.value(), dtype);
  }
  EXPECT_EQ(parse_dtype("bfloat16").value(), DType::kBFloat16);
  EXPECT_EQ(parse_dtype("F32").value(), DType::kFloat32);
  const auto unknown = parse_dtype("fp17");
  ASSERT_FALSE(unknown.ok());
  EXPECT_NE(unknown.error().message.find("fp17"), std::string::npos);
}

}  // namespace
}  // namespace lathe
