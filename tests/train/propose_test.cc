// Settings proposed for an amount of memory.
#include "train/propose.h"

#include "tests/ref/testing.h"

namespace lathe::testing {
namespace {

constexpr int64_t kGigabyte = int64_t{1} << 30;

// L-14.2, L-14.9
TEST(Propose, FitsItsShareAndGrowsWithTheMemory) {
  int64_t depth = 0;
  for (const int64_t gigabytes : {2, 4, 16, 24}) {
    const std::vector<train::Proposal> proposals = train::propose(gigabytes * kGigabyte, DType::kBFloat16);
    ASSERT_EQ(proposals.size(), 3u) << gigabytes;
    for (size_t i = 0; i < 3; ++i) {
      const train::Proposal& p = proposals[i];
      EXPECT_EQ(p.percent, (std::array{50, 75, 95})[i]);
      EXPECT_LE(p.total_bytes, gigabytes * kGigabyte / 100 * p.percent) << p.flags();
      EXPECT_GE(p.settings.device_batch_size * p.settings.max_seq_len, 2048) << p.flags();
      EXPECT_TRUE(i == 0 || p.settings.depth >= proposals[i - 1].settings.depth);
    }
    EXPECT_GE(proposals[0].settings.depth, depth) << gigabytes;
    depth = proposals[0].settings.depth;
  }
  EXPECT_EQ(depth, 16) << "24 GB";
}

TEST(Propose, NothingForTooLittleMemory) { EXPECT_TRUE(train::propose(kGigabyte / 16, DType::kBFloat16).empty()); }

}  // namespace
}  // namespace lathe::testing
