#include "core/permutation.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

namespace lathe {
namespace {

std::vector<int64_t> all(const Permutation& permutation) {
  std::vector<int64_t> values;
  for (int64_t i = 0; i < permutation.size(); ++i) values.push_back(permutation(i));
  return values;
}

TEST(Permutation, HitsEveryElementOnceForEverySize) {
  for (const int64_t n : {1, 2, 3, 4, 5, 16, 17, 63, 1000, 4097, 70000}) {
    std::vector<bool> hit(static_cast<size_t>(n));
    for (const int64_t value : all(Permutation(n, 7, "test"))) {
      ASSERT_TRUE(value >= 0 && value < n) << n;
      ASSERT_FALSE(hit[static_cast<size_t>(value)]) << n;
      hit[static_cast<size_t>(value)] = true;
    }
  }
}

TEST(Permutation, SeedPurposeAndIndexNameIt) {
  const auto base = all(Permutation(1000, 7, "test", 3));
  EXPECT_EQ(base, all(Permutation(1000, 7, "test", 3)));
  EXPECT_NE(base, all(Permutation(1000, 8, "test", 3)));
  EXPECT_NE(base, all(Permutation(1000, 7, "other", 3)));
  EXPECT_NE(base, all(Permutation(1000, 7, "test", 4)));
}

// Each element's place over many permutations is spread evenly: chi-square over 8 places, 7 degrees of freedom.
TEST(Permutation, PlacesAreEvenlySpread) {
  constexpr int kTrials = 8000;
  std::vector<std::vector<int>> counts(8, std::vector<int>(8));
  for (uint64_t trial = 0; trial < kTrials; ++trial) {
    const Permutation permutation(8, 1, "even", trial);
    for (int64_t i = 0; i < 8; ++i) ++counts[static_cast<size_t>(i)][static_cast<size_t>(permutation(i))];
  }
  for (const auto& row : counts) {
    double chi = 0;
    for (const int count : row) chi += (count - kTrials / 8.0) * (count - kTrials / 8.0) / (kTrials / 8.0);
    EXPECT_LT(chi, 30) << "beyond the 1e-4 quantile";
  }
}

TEST(Permutation, LargeSizesAreComputedNotStored) {
  const int64_t n = int64_t{1} << 50;
  const Permutation permutation(n - 3, 5, "large");
  std::set<int64_t> seen;
  for (int64_t i = 0; i < 1000; ++i) seen.insert(permutation(i));
  EXPECT_EQ(seen.size(), 1000u);
  EXPECT_GT(*seen.rbegin(), n / 2);
}

TEST(Permutation, ElementsOutsideThrow) {
  EXPECT_THROW(Permutation(5, 1, "x")(5), std::invalid_argument);
  EXPECT_THROW(Permutation(0, 1, "x")(0), std::invalid_argument);
}

}  // namespace
}  // namespace lathe
