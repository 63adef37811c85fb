#include "infer/log_softmax.h"

#include <limits>

#include "core/rng.h"
#include "ops/head_loss.h"
#include "tests/ref/testing.h"

namespace lathe::infer {
namespace {

Tensor random_logits(int64_t vocab, uint64_t seed) {
  Rng rng(seed, "logits");
  Tensor logits = Tensor::empty({1, vocab}, DType::kFloat32);
  for (float& z : logits.span<float>()) z = static_cast<float>(5 * rng.normal());
  return logits;
}

// L-10.8: of every token, not only of the largest.
TEST(LogSoftmax, HasTheBitsOfTheLoss) {
  ops::Context ctx;
  for (const int64_t vocab : {1, 7, 262, 5003}) {
    const Tensor logits = random_logits(vocab, static_cast<uint64_t>(vocab));
    LogSoftmax softmax;
    ASSERT_TRUE(log_softmax(ctx, logits, softmax));
    for (int32_t token = 0; token < vocab; ++token) {
      float nll = 0;
      ops::logits_loss(ctx, logits, Tensor::borrow(&token, {1}, DType::kInt32), Tensor::borrow(&nll, {1}, DType::kFloat32));
      ASSERT_EQ(softmax.of(logits.data<float>()[token]), -nll) << token;
    }
  }
}

TEST(LogSoftmax, IsNothingWhereLogitsAreNotFinite) {
  ops::Context ctx;
  LogSoftmax softmax;
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    const Tensor logits = random_logits(20, 1);
    logits.data<float>()[13] = bad;
    EXPECT_FALSE(log_softmax(ctx, logits, softmax));
  }
}

TEST(MostLikely, AreSortedWithTheLowerIdFirstAmongEquals) {
  const std::vector<float> logits = {1, 3, 2, 3, 0, 2};
  const LogSoftmax softmax{3, 1};
  const auto ids = [&](int64_t count) {
    std::vector<int32_t> out;
    for (const auto& [id, log_prob] : most_likely(logits, softmax, count)) {
      EXPECT_EQ(log_prob, softmax.of(logits[static_cast<size_t>(id)]));
      out.push_back(id);
    }
    return out;
  };
  EXPECT_EQ(ids(0), std::vector<int32_t>());
  EXPECT_EQ(ids(-1), std::vector<int32_t>());
  EXPECT_EQ(ids(1), std::vector<int32_t>({1}));
  EXPECT_EQ(ids(3), std::vector<int32_t>({1, 3, 2}));
  EXPECT_EQ(ids(20), std::vector<int32_t>({1, 3, 2, 5, 0, 4}));
}

}  // namespace
}  // namespace lathe::infer
