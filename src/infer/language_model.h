// What generation needs of a model: the next token's logits, cached and from scratch. model::Transformer stands behind
// it in programs (transformer_model.h), small scripted models in tests.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>

#include "model/kv_cache.h"
#include "model/paged_cache.h"
#include "tensor/tensor.h"

namespace lathe::infer {

// One thread at a time.
class LanguageModel {
 public:
  virtual ~LanguageModel() = default;
  virtual int64_t vocab_size() const = 0;     // V
  virtual int64_t sequence_len() const = 0;   // positions it was trained on
  virtual int64_t context_limit() const = 0;  // positions it can represent at all (row C-10.25)
  // Tokens seen once a text slides on (row L-12.8); at most context_limit().
  virtual int64_t slide_length() const { return std::min(sequence_len(), context_limit()); }

  // Adapters that PagedRow::adapter may name, 0 to adapters() - 1. Any thread.
  virtual int32_t adapters() const { return 0; }

  virtual model::KvCache new_cache(int64_t batch, int64_t capacity) const = 0;

  // Appends T = ids.size() / cache.batch() ids to every row of the cache (ids are row-major, each in [0, V)) and
  // advances it once. Returns the logits after each row's last id, (cache.batch(), V) float32. Throws
  // std::invalid_argument when the cache or the context limit is too small.
  virtual Tensor forward(std::span<const int32_t> ids, model::KvCache& cache) = 0;

  // The same for one row without a cache: every position is computed anew. (1, V) float32.
  virtual Tensor forward_uncached(std::span<const int32_t> ids) = 0;

  // Pages for step(), in the model's activation dtype or as codes.
  virtual model::PagedCache new_pages(int64_t pages, model::KvFormat format) const = 0;
  virtual int64_t bytes_per_page(model::KvFormat format) const = 0;
  // New tokens of many sequences at once, each with its own number of them: their keys and values go to the rows' pages. Returns the
  // logits of the wanted tokens, row by row, (sum of wanted, V) float32, valid until the next call. The bits of a row do not depend on
  // the other rows, nor on how its tokens are divided into steps; with KvFormat::kActivation they are those of forward().
  virtual Tensor step(std::span<const model::PagedRow> rows, model::PagedCache& cache) = 0;
  // Hidden states after the last norm of one sequence, (T, C) float32 (embeddings).
  virtual Tensor hidden_states(std::span<const int32_t> ids) = 0;
};

}  // namespace lathe::infer
