// The small models that the engine's tests talk to (row C-10.23): 262 tokens, the bytes and six special tokens.
#pragma once

#include <functional>
#include <stdexcept>
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
  // A page holds of each of its positions: the token, the position, and the text's sum so far. So what is read of a page that is stale
  // or someone else's fails at once, and what is drawn follows from the pages alone.
  model::PagedCache new_pages(int64_t pages, model::KvFormat) const override {
    model::PagedCache cache(config_, pages, DType::kFloat32);
    std::fill_n(memory(cache), cache.pages() * page_stride(), -1.0f);
    return cache;
  }
  int32_t adapters() const override { return 2; }
  int64_t bytes_per_page(model::KvFormat) const override {
    return model::PagedCache::bytes_per_page(config_, DType::kFloat32, model::KvFormat::kActivation);
  }
  Tensor step(std::span<const model::PagedRow> rows, model::PagedCache& cache) override {
    int64_t wanted = 0, tokens = 0;
    for (const model::PagedRow& row : rows) {
      wanted += row.wanted;
      tokens += static_cast<int64_t>(row.ids.size());
      write(row, cache);
    }
    steps.push_back({static_cast<int64_t>(rows.size()), tokens});
    const Tensor out = wanted > 0 ? Tensor::zeros({wanted, vocab_}, DType::kFloat32) : Tensor();
    int64_t to = 0;
    for (const model::PagedRow& row : rows) {
      const auto count = static_cast<int64_t>(row.ids.size());
      std::vector<int32_t> seen = read(row, cache, row.start + count);
      std::vector<int32_t> text(seen.begin(), seen.end() - row.wanted);
      for (int64_t i = 0; i < row.wanted; ++i) {
        text.push_back(seen[static_cast<size_t>(row.start + count - row.wanted + i)]);
        fill(0, text, out, to++);
      }
    }
    return out;
  }
  Tensor hidden_states(std::span<const int32_t> ids) override {
    const Tensor out = Tensor::zeros({static_cast<int64_t>(ids.size()), config_.n_embd}, DType::kFloat32);
    float sum = 0;
    for (size_t t = 0; t < ids.size(); ++t) {
      sum = next_sum(sum, ids[t]);
      for (int64_t c = 0; c < config_.n_embd; ++c)
        out.data<float>()[static_cast<int64_t>(t) * config_.n_embd + c] = sum / static_cast<float>((c + 1) * kSums);
    }
    return out;
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
  std::vector<Call> steps;           // of step: rows, tokens of all
  mutable std::vector<Call> caches;  // (batch, capacity) of new_cache
  int64_t limit = 640;

 private:
  static constexpr int64_t kSums = 1 << 22;  // exact in float32
  static float next_sum(float sum, int32_t token) {
    return static_cast<float>((static_cast<int64_t>(sum) * 31337 + token * 7919 + 17) % kSums);
  }
  static float* memory(const model::PagedCache& cache) { return cache.keys(0).data<float>(); }
  int64_t page_stride() const { return config_.n_kv_head * model::PagedCache::kPositions * config_.head_width(); }
  float* place(const model::PagedRow& row, const model::PagedCache& cache, int64_t position) const {
    const int32_t page = row.pages[static_cast<size_t>(position / model::PagedCache::kPositions)];
    require(page >= 0 && page < cache.pages(), "[mock_model] page ", page);
    return memory(cache) + page * page_stride() + position % model::PagedCache::kPositions * config_.head_width();
  }
  // Under an adapter the same text has other keys and values.
  static float first_sum(const model::PagedRow& row) { return static_cast<float>(row.adapter + 1); }
  void write(const model::PagedRow& row, const model::PagedCache& cache) const {
    const auto count = static_cast<int64_t>(row.ids.size());
    require(count >= 1 && row.wanted >= 0 && row.wanted <= count, "[mock_model] ", count, " ids, ", row.wanted, " wanted");
    require(row.start + count <= static_cast<int64_t>(row.pages.size()) * model::PagedCache::kPositions && row.start + count <= limit,
            "[mock_model] ", row.start + count, " positions in ", row.pages.size(), " pages");
    const float* last = row.start > 0 ? place(row, cache, row.start - 1) : nullptr;
    require(row.previous == (last ? static_cast<int32_t>(last[0]) : -1), "[mock_model] previous token ", row.previous);
    float sum = last ? last[2] : first_sum(row);
    for (int64_t t = 0; t < count; ++t) {
      const int32_t token = row.ids[static_cast<size_t>(t)];
      require(token >= 0 && token < vocab_, "[mock_model] token ", token);
      float* at = place(row, cache, row.start + t);
      sum = next_sum(sum, token);
      at[0] = static_cast<float>(token), at[1] = static_cast<float>(row.start + t), at[2] = sum;
    }
  }
  std::vector<int32_t> read(const model::PagedRow& row, const model::PagedCache& cache, int64_t end) const {
    std::vector<int32_t> seen;
    float sum = first_sum(row);
    for (int64_t t = 0; t < end; ++t) {
      const float* at = place(row, cache, t);
      seen.push_back(static_cast<int32_t>(at[0]));
      sum = next_sum(sum, seen.back());
      if (at[1] != static_cast<float>(t) || at[2] != sum)
        throw std::logic_error("position " + std::to_string(t) + " of a row is not its own");
    }
    return seen;
  }
  void fill(int64_t row, const std::vector<int32_t>& seen, const Tensor& out) const { fill(row, seen, out, row); }
  void fill(int64_t row, const std::vector<int32_t>& seen, const Tensor& out, int64_t to) const {
    if (logits_)
      logits_(row, seen, out.span<float>().subspan(static_cast<size_t>(to * vocab_), static_cast<size_t>(vocab_)));
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
