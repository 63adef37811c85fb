#include <gtest/gtest.h>

#include <vector>

#include "dist/communicator.h"
#include "tests/ref/testing.h"

namespace lathe::dist {
namespace {

using lathe::testing::check;

TEST(SingleProcess, IsRankZeroOfOne) {
  const auto job = single_process();
  EXPECT_EQ(job->rank(), 0);
  EXPECT_EQ(job->size(), 1);
  EXPECT_TRUE(job->is_main());
}

TEST(SingleProcess, EveryReductionOfOneRankIsItsOwnData) {
  const auto job = single_process();
  for (Reduction reduction : {Reduction::kSum, Reduction::kMean, Reduction::kMax}) {
    std::vector<float> data = {1.5f, -2, 3};
    check(job->all_reduce(data.data(), 3, ElementType::kFloat32, reduction));
    EXPECT_EQ(data, (std::vector<float>{1.5f, -2, 3}));
  }
}

TEST(SingleProcess, ScatterAndGatherCopyWholeElements) {
  const auto job = single_process();
  const std::vector<int64_t> input = {1, int64_t{1} << 40, -3};
  std::vector<int64_t> scattered(4, 7), gathered(4, 7);
  check(job->reduce_scatter(input.data(), scattered.data(), 3, ElementType::kInt64, Reduction::kSum));
  check(job->all_gather(input.data(), gathered.data(), 3, ElementType::kInt64));
  EXPECT_EQ(scattered, (std::vector<int64_t>{1, int64_t{1} << 40, -3, 7}));
  EXPECT_EQ(gathered, scattered);
  // In place, and nothing at all.
  check(job->all_gather(gathered.data(), gathered.data(), 4, ElementType::kInt64));
  check(job->reduce_scatter(nullptr, nullptr, 0, ElementType::kUInt8, Reduction::kMax));
  EXPECT_EQ(gathered, scattered);
}

TEST(SingleProcess, RefusesWrongUse) {
  const auto job = single_process();
  float x = 1;
  int32_t i = 1;
  EXPECT_THROW((void)job->broadcast(&x, 1, ElementType::kFloat32, 1), std::invalid_argument);
  EXPECT_THROW((void)job->all_reduce(nullptr, 1, ElementType::kFloat32, Reduction::kSum), std::invalid_argument);
  EXPECT_THROW((void)job->all_reduce(&x, -1, ElementType::kFloat32, Reduction::kSum), std::invalid_argument);
  EXPECT_THROW((void)job->all_reduce(&i, 1, ElementType::kInt32, Reduction::kMean), std::invalid_argument);
  check(job->broadcast(&x, 1, ElementType::kFloat32, 0));
  check(job->barrier());
}

TEST(ElementType, BytesOfEach) {
  EXPECT_EQ(element_bytes(ElementType::kFloat32), 4);
  EXPECT_EQ(element_bytes(ElementType::kBFloat16), 2);
  EXPECT_EQ(element_bytes(ElementType::kFloat64), 8);
  EXPECT_EQ(element_bytes(ElementType::kInt32), 4);
  EXPECT_EQ(element_bytes(ElementType::kInt64), 8);
  EXPECT_EQ(element_bytes(ElementType::kUInt8), 1);
}

}  // namespace
}  // namespace lathe::dist
