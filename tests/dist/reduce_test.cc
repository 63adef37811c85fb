#include "dist/reduce.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

namespace lathe::dist {
namespace {

template <class T>
std::vector<T> reduced(const std::vector<std::vector<T>>& ranks, ElementType type, Reduction reduction) {
  std::vector<const void*> inputs;
  for (const std::vector<T>& rank : ranks) inputs.push_back(rank.data());
  std::vector<T> output(ranks[0].size());
  reduce_in_order(inputs, output.data(), std::ssize(output), type, reduction);
  return output;
}

uint16_t bf16(float x) { return static_cast<uint16_t>(std::bit_cast<uint32_t>(x) >> 16); }

TEST(Reduce, SumsInTheOrderOfTheRanks) {
  // (1e8 + 1) - 1e8 is 0 in float, (1e8 - 1e8) + 1 is 1.
  EXPECT_EQ(reduced<float>({{1e8f}, {1}, {-1e8f}}, ElementType::kFloat32, Reduction::kSum)[0], 0);
  EXPECT_EQ(reduced<float>({{1e8f}, {-1e8f}, {1}}, ElementType::kFloat32, Reduction::kSum)[0], 1);
  EXPECT_EQ(reduced<double>({{1e8}, {1}, {-1e8}}, ElementType::kFloat64, Reduction::kSum)[0], 1);
}

TEST(Reduce, SumsBFloat16InFloatAndRoundsOnce) {
  // In bf16 256 + 1 is 256 again and again; in float the four ones add up, and 260 is a bf16.
  const std::vector<std::vector<uint16_t>> ranks = {{bf16(256)}, {bf16(1)}, {bf16(1)}, {bf16(1)}, {bf16(1)}};
  EXPECT_EQ(reduced(ranks, ElementType::kBFloat16, Reduction::kSum)[0], bf16(260));
  EXPECT_EQ(reduced(ranks, ElementType::kBFloat16, Reduction::kMean)[0], bf16(52));
  // A tie goes to the even neighbour: 256 + 1 -> 256, 258 + 1 -> 260.
  EXPECT_EQ(reduced<uint16_t>({{bf16(256)}, {bf16(1)}}, ElementType::kBFloat16, Reduction::kSum)[0], bf16(256));
  EXPECT_EQ(reduced<uint16_t>({{bf16(258)}, {bf16(1)}}, ElementType::kBFloat16, Reduction::kSum)[0], bf16(260));
  const uint16_t nan = reduced<uint16_t>({{0x7F81}, {bf16(1)}}, ElementType::kBFloat16, Reduction::kSum)[0];
  EXPECT_GT(nan & 0x7FFF, 0x7F80);
}

TEST(Reduce, MeanDividesTheSum) {
  EXPECT_EQ(reduced<float>({{1, 5}, {2, 5}, {6, 6}}, ElementType::kFloat32, Reduction::kMean),
            (std::vector<float>{3, 16.0f / 3}));
}

TEST(Reduce, IntegersWrapAround) {
  constexpr int32_t kMost = std::numeric_limits<int32_t>::max();
  EXPECT_EQ(reduced<int32_t>({{kMost}, {1}}, ElementType::kInt32, Reduction::kSum)[0],
            std::numeric_limits<int32_t>::min());
  EXPECT_EQ(reduced<uint8_t>({{200}, {100}}, ElementType::kUInt8, Reduction::kSum)[0], 44);
  EXPECT_EQ(reduced<int64_t>({{-3, 7}, {2, 9}}, ElementType::kInt64, Reduction::kMax), (std::vector<int64_t>{2, 9}));
}

TEST(Reduce, MaximumIsANaNWhereARankHasOne) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> most =
      reduced<float>({{nan, 1, -2}, {5, nan, -1}, {6, 3, -9}}, ElementType::kFloat32, Reduction::kMax);
  EXPECT_TRUE(std::isnan(most[0]));
  EXPECT_TRUE(std::isnan(most[1]));
  EXPECT_EQ(most[2], -1);
}

TEST(Reduce, LongUnalignedBuffersAndInPlace) {
  constexpr int64_t kCount = 1500;  // not a multiple of any block
  std::vector<char> a(kCount * 4 + 1), b(kCount * 4 + 1);
  const auto put = [](std::vector<char>& buffer, int64_t i, float x) {
    std::memcpy(buffer.data() + 1 + i * 4, &x, 4);
  };
  for (int64_t i = 0; i < kCount; ++i) put(a, i, static_cast<float>(i)), put(b, i, static_cast<float>(3 * i));
  const void* inputs[] = {a.data() + 1, b.data() + 1};
  reduce_in_order(inputs, b.data() + 1, kCount, ElementType::kFloat32, Reduction::kSum);
  for (int64_t i = 0; i < kCount; ++i) {
    float sum = 0;
    std::memcpy(&sum, b.data() + 1 + i * 4, 4);
    ASSERT_EQ(sum, static_cast<float>(4 * i)) << i;
  }
}

}  // namespace
}  // namespace lathe::dist
