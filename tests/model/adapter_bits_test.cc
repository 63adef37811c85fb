// One summation order with adapters too (decision 17): a token's logits have the same bits alone, in a batch, in chunks, in cached
// decoding and in the training forward pass, for any number of threads.
#include <cstring>

#include "core/parallel.h"
#include "model/kv_cache.h"
#include "tests/model/small_adapters.h"

namespace lathe::testing {
namespace {

struct Case {
  std::string name;
  DType dtype;
  bool dora = false;
  int bits = 16;
};

class AdapterBits : public ::testing::TestWithParam<Case> {
 protected:
  static constexpr int64_t kLength = 70, kVocabulary = 27;

  void SetUp() override {
    model::PlainSize size = small_plain(512, false);
    size.n_embd = 64, size.mlp_hidden = 160;
    config_ = model::llama_config(size);
    if (GetParam().name == "wide") {  // products that are cut into blocks
      size.n_embd = 384, size.n_head = 4, size.n_kv_head = 4, size.mlp_hidden = 768, size.vocab_size = 1000;
      config_ = model::llama_config(size);
    } else if (GetParam().name == "chat") {
      config_ = small_chat(model::ChatState::kSeed, 512);
    }
    model_ = random_model(config_, GetParam().dtype);
    model_->freeze();
    if (GetParam().bits != 16) model_->quantize(GetParam().bits == 8 ? ops::WeightBits::kEight : ops::WeightBits::kFour, false);
    model::AdapterConfig lower = small_adapter_config(32), upper = small_adapter_config(5);
    lower.dora = GetParam().dora;
    lower.dropout = 0.5;  // of training only
    lower.token_rows = {1, 8};
    lower_ = random_adapter(*model_, lower, 5);
    upper_ = random_adapter(*model_, upper, 6);
    row_ = ids(kLength, 3);
    whole_ = logits(row_, 1);
  }
  void TearDown() override { set_num_threads(2); }

  static std::vector<int32_t> ids(int64_t length, uint64_t seed) {
    const Tensor x = random_ids(length, kVocabulary, seed);
    return {x.span<int32_t>().begin(), x.span<int32_t>().end()};
  }
  std::vector<float> logits(const std::vector<int32_t>& row, int64_t rows, model::KvCache* cache = nullptr, bool recording = false) {
    ops::Context ctx;
    autograd::Tape tape(ctx, recording);
    model::Batch batch;
    batch.ids = Tensor::of<int32_t>(row, {static_cast<int64_t>(row.size())});
    batch.batch = rows;
    batch.cache = cache;
    return copy_of(model_->logits(ctx, model_->forward(tape, batch).value));
  }
  void expect_whole(const std::vector<float>& z, int64_t first = 0) {
    ASSERT_GE(static_cast<int64_t>(z.size()), first + static_cast<int64_t>(whole_.size()));
    EXPECT_EQ(std::memcmp(z.data() + first, whole_.data(), whole_.size() * sizeof(float)), 0);
  }
  std::vector<float> chunked(const std::vector<int64_t>& sizes) {
    model::KvCache cache(config_, 1, kLength, GetParam().dtype);
    std::vector<float> out;
    for (int64_t i = 0, piece = 0; i < kLength; ++piece) {
      const int64_t n = std::min(sizes[static_cast<size_t>(piece) % sizes.size()], kLength - i);
      const std::vector<float> part = logits({row_.begin() + i, row_.begin() + i + n}, 1, &cache);
      out.insert(out.end(), part.begin(), part.end());
      i += n;
    }
    return out;
  }

  model::ModelConfig config_;
  std::unique_ptr<model::Transformer> model_;
  std::unique_ptr<model::Adapter> lower_, upper_;
  std::vector<int32_t> row_;
  std::vector<float> whole_;
};

TEST_P(AdapterBits, CachedDecodingAndOddChunks) {
  for (const std::vector<int64_t>& sizes : {std::vector<int64_t>{1}, {7}, {1, 13, 3, 31}, {65, 2}}) expect_whole(chunked(sizes));
}

TEST_P(AdapterBits, AmongEightRowsInTrainingAndWithOtherThreads) {
  std::vector<int32_t> all;
  for (uint64_t b = 0; b < 8; ++b) {
    const std::vector<int32_t> row = b == 5 ? row_ : ids(kLength, 40 + b);
    all.insert(all.end(), row.begin(), row.end());
  }
  expect_whole(logits(all, 8), 5 * kLength * config_.vocab_size);
  expect_whole(logits(row_, 1, nullptr, true));
  for (const int threads : {1, 3}) {
    set_num_threads(threads);
    expect_whole(logits(row_, 1));
    expect_whole(chunked({9, 1}));
  }
  std::vector<int32_t> long_row = row_;
  const std::vector<int32_t> rest = ids(512 - kLength, 9);
  long_row.insert(long_row.end(), rest.begin(), rest.end());
  expect_whole(logits(long_row, 1));
}

INSTANTIATE_TEST_SUITE_P(All, AdapterBits,
                         ::testing::Values(Case{"llama", DType::kFloat32}, Case{"llama", DType::kBFloat16}, Case{"llama", DType::kBFloat16, true},
                                           Case{"wide", DType::kFloat32}, Case{"wide", DType::kBFloat16}, Case{"chat", DType::kFloat32, true},
                                           Case{"chat", DType::kBFloat16}, Case{"wide", DType::kBFloat16, false, 8},
                                           Case{"wide", DType::kBFloat16, true, 4}),
                         [](const auto& info) {
                           const Case& c = info.param;
                           return c.name + (c.dtype == DType::kFloat32 ? "_fp32" : "_bf16") + (c.dora ? "_dora" : "") +
                                  (c.bits == 16 ? "" : "_int" + std::to_string(c.bits));
                         });

}  // namespace
}  // namespace lathe::testing
