// The small models that the engine's tests talk to (row C-10.23): 262 tokens, the bytes and six special tokens.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "infer/language_model.h"
#include "tests/ref/testing.h"
#include "tokenizer/tokenizer.h"

namespace lathe::infer::testing {

inline constexpr int32_t kPythonStart = 256, kPythonEnd = 257, kOutputStart = 258, kOutputEnd = 259,
                         kAssistantEnd = 260, kBos = 261;
inline constexpr int64_t kMockVocab = 262;

inline std::vector<std::string> byte_tokens() {
  std::vector<std::string> tokens;
  for (int byte = 0; byte < 256; ++byte) tokens.emplace_back(1, static_cast<char>(byte));
  return tokens;
}

inline tokenizer::Tokenizer mock_tokenizer() {
  return lathe::testing::take(tokenizer::Tokenizer::from_tokens(
      byte_tokens(), {tokenizer::kPythonStart, tokenizer::kPythonEnd, tokenizer::kOutputStart, tokenizer::kOutputEnd,
                      tokenizer::kAssistantEnd, tokenizer::kBos}));
}

// Bytes and the full chat markers, for sessions and servers.
inline tokenizer::Tokenizer chat_tokenizer() {
  return lathe::testing::take(tokenizer::Tokenizer::from_tokens(byte_tokens()));
}

// Logits come from a function of (row, tokens the row has seen in this cache); uniform when there is none. Keeps what
// it was called with. It advances the cache itself.
class MockModel : public LanguageModel {
 public:
  using Logits = std::function<void(int64_t row, const std::vector<int32_t>& seen, std::span<float> logits)>;
  explicit MockModel(Logits logits = {}, int64_t vocab = kMockVocab) : logits_(std::move(logits)), vocab_(vocab) {
    config_.n_layer = 2;
    config_.n_head = config_.n_kv_head = 2;
    config_.n_embd = 8;
    config_.sequence_len = 64;
    config_.vocab_size = vocab;
  }

  int64_t vocab_size() const override { return vocab_; }
  int64_t sequence_len() const override { return config_.sequence_len; }
  int64_t context_limit() const override { return limit; }
  model::KvCache new_cache(int64_t batch, int64_t capacity) const override {
    caches.push_back({batch, capacity});
    return model::KvCache(config_, batch, capacity, DType::kFloat32);
  }
  Tensor forward(std::span<const int32_t> ids, model::KvCache& cache) override {
    const int64_t rows = cache.batch(), length = static_cast<int64_t>(ids.size()) / rows;
    calls.push_back({rows, length});
    // The cache itself holds what a row has seen, so that rows can be moved and dropped: one id a position.
    const int64_t stride = cache.keys(0).elements() / (rows * cache.capacity() * config_.n_kv_head);
    seen_.assign(static_cast<size_t>(rows), {});
    for (int64_t row = 0; row < rows; ++row) {
      float* held = cache.keys(0).data<float>() + row * config_.n_kv_head * cache.capacity() * stride;
      const int64_t before = cache.length(row);
      for (int64_t t = 0; t < length; ++t) held[(before + t) * stride] = static_cast<float>(ids[static_cast<size_t>(row * length + t)]);
      for (int64_t t = 0; t < before + length; ++t) seen_[static_cast<size_t>(row)].push_back(static_cast<int32_t>(held[t * stride]));
    }
    cache.advance(length);
    const Tensor out = Tensor::zeros({rows, vocab_}, DType::kFloat32);
    for (int64_t row = 0; row < rows; ++row) fill(row, seen_[static_cast<size_t>(row)], out);
    return out;
  }
  Tensor forward_uncached(std::span<const int32_t> ids) override {
    const Tensor out = Tensor::zeros({1, vocab_}, DType::kFloat32);
    fill(0, {ids.begin(), ids.end()}, out);
    return out;
  }

  const std::vector<std::vector<int32_t>>& seen() const { return seen_; }

  struct Call {
    int64_t rows, length;
    friend bool operator==(const Call&, const Call&) = default;
  };
  std::vector<Call> calls;           // of forward
  mutable std::vector<Call> caches;  // (batch, capacity) of new_cache
  int64_t limit = 640;

 private:
  void fill(int64_t row, const std::vector<int32_t>& seen, const Tensor& out) const {
    if (logits_)
      logits_(row, seen, out.span<float>().subspan(static_cast<size_t>(row * vocab_), static_cast<size_t>(vocab_)));
  }
  Logits logits_;
  int64_t vocab_;
  model::ModelConfig config_;
  std::vector<std::vector<int32_t>> seen_;
};

// A model that says `script` after a prompt of `prompt_length` tokens, whatever is sampled or forced, then ends.
inline MockModel::Logits scripted(std::vector<int32_t> script, size_t prompt_length, int32_t end = kAssistantEnd) {
  return [script = std::move(script), prompt_length, end](int64_t, const std::vector<int32_t>& seen,
                                                          std::span<float> logits) {
    const size_t step = seen.size() - prompt_length;
    logits[static_cast<size_t>(step < script.size() ? script[step] : end)] = 50;
  };
}

inline std::vector<int32_t> bytes_of(std::string_view text) {
  std::vector<int32_t> ids;
  for (const char c : text) ids.push_back(static_cast<uint8_t>(c));
  return ids;
}

// BOS and "Hello" (row C-10.29).
inline std::vector<int32_t> hello() { return {kBos, 'H', 'e', 'l', 'l', 'o'}; }

}  // namespace lathe::infer::testing
