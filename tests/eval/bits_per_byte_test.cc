#include "eval/bits_per_byte.h"

#include <cmath>
#include <numbers>

#include "tests/ref/testing.h"

namespace lathe::testing {
namespace {

model::ModelConfig small_config() {
  model::ModelConfig config;
  config.sequence_len = 16;
  config.vocab_size = 64;
  config.n_layer = 2;
  config.n_head = config.n_kv_head = 2;
  config.n_embd = 32;
  return config;
}

class BitsPerByte : public ::testing::Test {
 protected:
  BitsPerByte() : model_(small_config(), DType::kFloat32) { model_.initialise(3); }
  eval::ByteSums measure(const std::vector<int32_t>& ids, const std::vector<int32_t>& targets, const std::vector<int32_t>& bytes) {
    return eval::measure_batch(model_, ctx_, ids, targets, 1, bytes);
  }
  model::Transformer model_;
  ops::Context ctx_;
  std::vector<int32_t> ids_ = {1, 2, 3, 4, 5, 6, 7, 8}, targets_ = {2, 3, 4, 5, 6, 7, 8, 9};
};

// C-7.1: special tokens and ignored targets count in neither sum.
TEST_F(BitsPerByte, SkipsTargetsWithoutBytesAndIgnoredOnes) {
  const std::vector<int32_t> one(64, 1);
  const eval::ByteSums all = measure(ids_, targets_, one);
  EXPECT_EQ(all.bytes, 8);
  double nats = 0;
  for (size_t i = 0; i < targets_.size(); ++i) {
    std::vector<int32_t> only(targets_.size(), -1);
    only[i] = targets_[i];
    const eval::ByteSums single = measure(ids_, only, one);
    EXPECT_EQ(single.bytes, 1);
    nats += single.nats;
  }
  EXPECT_NEAR(nats, all.nats, 1e-9 * all.nats);

  std::vector<int32_t> some = one;
  some[3] = 0;
  some[5] = 7;
  std::vector<int32_t> without = targets_;
  without[1] = -1;  // the target with id 3
  const eval::ByteSums special = measure(ids_, targets_, some), ignored = measure(ids_, without, one);
  EXPECT_NEAR(special.nats, ignored.nats, 1e-9 * ignored.nats);
  EXPECT_EQ(special.bytes, 6 + 7);
  EXPECT_EQ(ignored.bytes, 7);
}

// C-7.1: one quotient of two sums, not a mean of quotients. Trap L6.
TEST_F(BitsPerByte, SumsAreDividedOnceAtTheEnd) {
  eval::ByteSums sums{6 * std::numbers::ln2, 2};
  sums += {2 * std::numbers::ln2, 6};
  EXPECT_DOUBLE_EQ(sums.bits_per_byte(), 1.0);  // the mean of 3 and 1/3 would be 5/3
}

// C-7.3
TEST_F(BitsPerByte, NoBytesAtAllIsInfinite) {
  EXPECT_EQ(eval::ByteSums{}.bits_per_byte(), HUGE_VAL);
  EXPECT_EQ(measure(ids_, std::vector<int32_t>(8, -1), std::vector<int32_t>(64, 1)).bits_per_byte(), HUGE_VAL);
  EXPECT_EQ(measure(ids_, targets_, std::vector<int32_t>(64, 0)).bits_per_byte(), HUGE_VAL);
}

TEST_F(BitsPerByte, WrongSizesAreRefused) {
  EXPECT_THROW(measure(ids_, {1, 2}, std::vector<int32_t>(64, 1)), std::invalid_argument);
  EXPECT_THROW(measure(ids_, targets_, std::vector<int32_t>(63, 1)), std::invalid_argument);
}

// C-7.5
TEST_F(BitsPerByte, TokensAreRoundedDownToWholeBatches) {
  EXPECT_EQ(take(eval::batches_of(4096, 4, 128)), 8);
  EXPECT_EQ(take(eval::batches_of(4095, 4, 128)), 7);
  EXPECT_EQ(take(eval::batches_of(4096, 4, 128, 3)), 2);
  EXPECT_FALSE(eval::batches_of(511, 4, 128).ok());
  EXPECT_FALSE(eval::batches_of(511, 0, 128).ok());
  ::testing::internal::CaptureStderr();
  take(eval::batches_of(4095, 4, 128));
  EXPECT_NE(::testing::internal::GetCapturedStderr().find("rounded down from 4095 to 3584"), std::string::npos);
}

// A loader whose batches are told apart by their first id; fails where it is told to.
class CountingLoader : public data::TokenLoader {
 public:
  explicit CountingLoader(int64_t fail_at = -1) : fail_at_(fail_at) {}
  Status next(data::TokenBatch& batch) override {
    if (handed_out == fail_at_) return error("the file is damaged");
    batch.resize(1, 4);
    for (int32_t& id : batch.ids) id = static_cast<int32_t>(handed_out);
    ++handed_out;
    return {};
  }
  Json state() const override { return {}; }
  Status restore(const Json&, data::ResumeMode) override { return {}; }
  int64_t handed_out = 0;

 private:
  int64_t fail_at_;
};

TEST_F(BitsPerByte, TakesExactlyTheBatchesAskedFor) {
  const std::vector<int32_t> one(64, 1);
  CountingLoader loader;
  const eval::ByteSums sums = take(eval::measure_batches(model_, ctx_, loader, 3, one));
  EXPECT_EQ(loader.handed_out, 3);
  EXPECT_EQ(sums.bytes, 12);
  eval::ByteSums expected;
  for (int32_t i = 0; i < 3; ++i) expected += measure({i, i, i, i}, {i, i, i, i}, one);
  EXPECT_NEAR(sums.nats, expected.nats, 1e-9 * expected.nats);
  CountingLoader failing(2);
  EXPECT_FALSE(eval::measure_batches(model_, ctx_, failing, 3, one).ok());
}

}  // namespace
}  // namespace lathe::testing
