#include "core/python_random.h"

#include <gtest/gtest.h>

namespace lathe {
namespace {

// C-17.11. The values are those of CPython 3.11.
TEST(PythonRandom, DrawsWhatPythonDraws) {
  PythonRandom rng(42);
  for (const uint32_t value : {2746317213u, 478163327u, 107420369u}) EXPECT_EQ(rng.next_u32(), value);
  EXPECT_EQ(rng.random(), 0.7415504997598329);
  EXPECT_EQ(rng.sample(100, 10), (std::vector<int64_t>{31, 28, 17, 94, 13, 86, 69, 11, 75, 54}));
  EXPECT_EQ(rng.sample(1000, 6), (std::vector<int64_t>{32, 30, 95, 223, 238, 517}));
  for (const int64_t value : {631262, 27824, 588508}) EXPECT_EQ(rng.below(1000003), value);
}

// C-8.34
TEST(PythonRandom, ShufflesAsPythonDoes) {
  EXPECT_EQ(PythonRandom(0).shuffled(10), (std::vector<int64_t>{7, 8, 1, 5, 3, 4, 2, 0, 9, 6}));
  EXPECT_EQ(PythonRandom(0).shuffled(2), (std::vector<int64_t>{0, 1}));
  EXPECT_EQ(PythonRandom(0).shuffled(0), std::vector<int64_t>{});
  EXPECT_THROW((void)PythonRandom(0).shuffled(-1), std::invalid_argument);
}

TEST(PythonRandom, SeedsAboveThirtyTwoBitsCount) {
  PythonRandom large((uint64_t{1} << 32) + 5), small(5);
  EXPECT_NE(large.next_u32(), small.next_u32());
  EXPECT_EQ(PythonRandom(uint64_t{1} << 32).below(9), 1);
  EXPECT_THROW(small.below(0), std::invalid_argument);
  EXPECT_THROW((void)small.sample(2, 3), std::invalid_argument);
}

}  // namespace
}  // namespace lathe
