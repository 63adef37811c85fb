// The comparator itself: it must refuse what three other projects' comparators let pass.
#include "tests/ref/testing.h"

#include <cmath>
#include <limits>

namespace lathe::testing {
namespace {

const float kNan = std::numeric_limits<float>::quiet_NaN();

bool close(std::vector<float> actual, std::vector<float> expected, Tolerance tolerance = {1e-6, 1e-6}) {
  return static_cast<bool>(is_close(std::span<const float>(actual), std::span<const float>(expected), tolerance));
}

TEST(Comparator, AcceptsEqualValues) { EXPECT_TRUE(close({1, -2, 0}, {1, -2, 0})); }
TEST(Comparator, RefusesNan) { EXPECT_FALSE(close({kNan}, {1})); EXPECT_FALSE(close({1}, {kNan})); EXPECT_FALSE(close({kNan}, {kNan})); }
TEST(Comparator, RefusesInfinityOfTheOtherSign) { EXPECT_FALSE(close({HUGE_VALF}, {-HUGE_VALF})); }
TEST(Comparator, RefusesSignFlip) { EXPECT_FALSE(close({-5}, {5})); }
TEST(Comparator, RefusesTwiceANegativeValue) { EXPECT_FALSE(close({-10}, {-5})); }
TEST(Comparator, RefusesNonZeroAgainstZeroReference) { EXPECT_FALSE(close({1e-3f}, {0})); }
TEST(Comparator, RefusesNothingCompared) { EXPECT_FALSE(close({}, {})); }
TEST(Comparator, RefusesOtherLength) { EXPECT_FALSE(close({1, 2}, {1})); }
TEST(Comparator, NormFormRefusesNan) {
  const std::vector<float> a = {kNan, 1}, b = {1, 1};
  EXPECT_FALSE(is_close_in_norm(a, b, 0.5));
}

}  // namespace
}  // namespace lathe::testing
