// One summation order (decision 17): a token's logits have the same bits alone, in a batch, in chunks, in cached
// decoding, in a long prefill and in the training forward pass, for any number of threads.
#include <cmath>
#include <cstring>

#include "core/parallel.h"
#include "model/kv_cache.h"
#include "ops/head_loss.h"
#include "tests/ref/small_models.h"

namespace lathe::testing {
namespace {

struct Case {
  int model;
  DType dtype;
};

// The small models, and one whose matrix products are large enough to be cut into blocks.
std::vector<SmallModel> models() {
  std::vector<SmallModel> out = small_models(54);
  model::ModelConfig wide = small_chat(model::ChatState::kSeed, 54);
  wide.n_layer = 2;
  wide.n_embd = 384;
  wide.vocab_size = 1000;
  out.push_back({"wide", wide});
  return out;
}

std::vector<int32_t> random_row(int64_t length, uint64_t seed) {
  const Tensor ids = random_ids(length, 27, seed);  // the smallest vocabulary
  return {ids.span<int32_t>().begin(), ids.span<int32_t>().end()};
}

::testing::AssertionResult same_bits(std::span<const float> a, std::span<const float> b) {
  if (a.size() != b.size() || a.empty()) return ::testing::AssertionFailure() << a.size() << " values and " << b.size();
  for (size_t i = 0; i < a.size(); ++i)
    if (std::memcmp(&a[i], &b[i], sizeof(float)) != 0)
      return ::testing::AssertionFailure() << "value " << i << ": " << a[i] << " and " << b[i];
  return ::testing::AssertionSuccess();
}

class Bits : public ::testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    // Windows must hide keys: the row is longer than both kinds, and the newest state's short one is at least 128.
    SmallModel small = models()[static_cast<size_t>(GetParam().model)];
    length_ = small.name == "newest" ? 140 : 70;
    if (small.config.positions == model::Positions::kLearned) small.config.sequence_len = 512;
    config_ = small.config;
    model_ = random_model(config_, GetParam().dtype, true);
    row_ = random_row(length_, 3);
    whole_ = logits(row_, 1);
  }
  void TearDown() override { set_num_threads(2); }

  // Of every position of `rows` (B equal rows after one another); with a cache the rows continue it.
  std::vector<float> logits(const std::vector<int32_t>& ids, int64_t rows, model::KvCache* cache = nullptr,
                            bool recording = false) {
    ops::Context ctx;
    autograd::Tape tape(ctx, recording);
    model::Batch batch;
    batch.ids = Tensor::of<int32_t>(ids, {static_cast<int64_t>(ids.size())});
    batch.batch = rows;
    batch.cache = cache;
    const Tensor out = model_->logits(ctx, model_->forward(tape, batch).value);
    return {out.span<float>().begin(), out.span<float>().end()};
  }
  // The row in pieces of these sizes (repeated) through a cache.
  std::vector<float> chunked(const std::vector<int64_t>& sizes, model::KvCache& cache, int64_t from = 0) {
    std::vector<float> out;
    for (int64_t i = from, piece = 0; i < length_; ++piece) {
      const int64_t n = std::min(sizes[static_cast<size_t>(piece) % sizes.size()], length_ - i);
      const std::vector<float> part = logits({row_.begin() + i, row_.begin() + i + n}, 1, &cache);
      out.insert(out.end(), part.begin(), part.end());
      i += n;
    }
    return out;
  }
  model::KvCache new_cache(int64_t batch = 1) const {
    return model::KvCache(config_, batch, length_, GetParam().dtype);
  }
  std::span<const float> part(const std::vector<float>& all, int64_t row, int64_t first, int64_t count,
                              int64_t row_length) const {
    const int64_t v = config_.vocab_size;
    return std::span<const float>(all).subspan(static_cast<size_t>((row * row_length + first) * v),
                                               static_cast<size_t>(count * v));
  }

  model::ModelConfig config_;
  std::unique_ptr<model::Transformer> model_;
  int64_t length_ = 0;
  std::vector<int32_t> row_;
  std::vector<float> whole_;
};

// C-3.14, C-3.18, C-10.26
TEST_P(Bits, CachedDecodingOfOneTokenAtATime) {
  model::KvCache cache = new_cache();
  EXPECT_TRUE(same_bits(chunked({1}, cache), whole_));
  EXPECT_EQ(cache.length(), length_);
}

// C-3.20
TEST_P(Bits, PrefillInOddChunks) {
  for (const std::vector<int64_t>& sizes : {std::vector<int64_t>{7}, {1, 13, 3, 31}, {65, 2}}) {
    model::KvCache cache = new_cache();
    EXPECT_TRUE(same_bits(chunked(sizes, cache), whole_)) << "chunks of " << sizes[0];
  }
}

TEST_P(Bits, AmongEightRows) {
  std::vector<int32_t> ids;
  for (uint64_t b = 0; b < 8; ++b) {
    const std::vector<int32_t> row = b == 5 ? row_ : random_row(length_, 40 + b);
    ids.insert(ids.end(), row.begin(), row.end());
  }
  const std::vector<float> all = logits(ids, 8);
  EXPECT_TRUE(same_bits(part(all, 5, 0, length_, length_), whole_));
}

TEST_P(Bits, AtTheStartOfALongPrefill) {
  std::vector<int32_t> ids = row_;
  const std::vector<int32_t> rest = random_row(512 - length_, 9);
  ids.insert(ids.end(), rest.begin(), rest.end());
  EXPECT_TRUE(same_bits(part(logits(ids, 1), 0, 0, length_, 512), whole_));
}

TEST_P(Bits, AnyNumberOfThreads) {
  for (const int threads : {1, 2, 3}) {
    set_num_threads(threads);
    EXPECT_TRUE(same_bits(logits(row_, 1), whole_)) << threads << " threads";
    model::KvCache cache = new_cache();
    EXPECT_TRUE(same_bits(chunked({length_ - 9, 1}, cache), whole_)) << threads << " threads, cached";
  }
}

// C-3.21, C-3.22
TEST_P(Bits, TrainingForwardAndItsLoss) {
  EXPECT_TRUE(same_bits(logits(row_, 1, nullptr, true), whole_));
  const Tensor targets = random_ids(length_, config_.vocab_size, 8), factor = Tensor::zeros({length_}, DType::kFloat32);
  std::vector<float> losses[2];
  for (const bool recording : {false, true}) {
    ops::Context ctx;
    autograd::Tape tape(ctx, recording);
    model::Batch batch;
    batch.ids = Tensor::of<int32_t>(row_, {length_});
    const Tensor nll = model_->loss(tape, model_->forward(tape, batch), targets, factor);
    losses[recording].assign(nll.span<float>().begin(), nll.span<float>().end());
  }
  EXPECT_TRUE(same_bits(losses[0], losses[1]));
  for (int64_t t = 0; t < length_; ++t) {
    const float* z = whole_.data() + t * config_.vocab_size;
    double sum = 0;
    for (int64_t v = 0; v < config_.vocab_size; ++v) sum += std::exp(double{z[v]});
    EXPECT_NEAR(double{losses[1][static_cast<size_t>(t)]}, std::log(sum) - double{z[targets.data<int32_t>()[t]]}, 3e-6)
        << t;
  }
}

// C-10.2, C-10.4, C-3.40: a reset cache starts afresh; every copy of a prefill goes on like the row it was copied from.
TEST_P(Bits, ResetAndCopiedPrefill) {
  const int64_t prompt = length_ - 6, v = config_.vocab_size;
  model::KvCache cache = new_cache();
  logits(random_row(prompt, 77), 1, &cache);
  cache.reset();
  EXPECT_TRUE(same_bits(logits({row_.begin(), row_.begin() + prompt}, 1, &cache), part(whole_, 0, 0, prompt, length_)));
  model::KvCache copies = new_cache(3);
  copies.copy_prefill(cache);
  for (int64_t t = prompt; t < length_; ++t) {
    const int32_t other = (row_[static_cast<size_t>(t)] + 1) % static_cast<int32_t>(v);
    const std::vector<float> step =
        logits({row_[static_cast<size_t>(t)], other, row_[static_cast<size_t>(t)]}, 3, &copies);
    EXPECT_TRUE(same_bits(part(step, 0, 0, 1, 1), part(whole_, 0, t, 1, length_))) << t;
    EXPECT_TRUE(same_bits(part(step, 2, 0, 1, 1), part(whole_, 0, t, 1, length_))) << t;
    EXPECT_FALSE(same_bits(part(step, 1, 0, 1, 1), part(whole_, 0, t, 1, length_))) << t;
  }
  EXPECT_TRUE(same_bits(chunked({1}, cache, prompt), part(whole_, 0, prompt, 6, length_)));
}

std::vector<Case> cases() {
  std::vector<Case> out;
  for (const DType dtype : {DType::kFloat32, DType::kBFloat16})
    for (int model = 0; model < static_cast<int>(models().size()); ++model) out.push_back({model, dtype});
  return out;
}
INSTANTIATE_TEST_SUITE_P(All, Bits, ::testing::ValuesIn(cases()), [](const auto& info) {
  return models()[static_cast<size_t>(info.param.model)].name +
         (info.param.dtype == DType::kFloat32 ? "_fp32" : "_bf16");
});

}  // namespace
}  // namespace lathe::testing
