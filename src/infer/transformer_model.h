// The transformer as a LanguageModel.
#pragma once

#include "infer/language_model.h"
#include "model/transformer.h"

namespace lathe::infer {

// `transformer` must outlive this and have its weights ready (refresh_compute).
class TransformerModel : public LanguageModel {
 public:
  explicit TransformerModel(model::Transformer& transformer) : transformer_(transformer), tape_(context_, false) {}

  int64_t vocab_size() const override { return transformer_.config().vocab_size; }
  int64_t sequence_len() const override { return transformer_.config().sequence_len; }
  int64_t context_limit() const override;
  int64_t slide_length() const override;
  model::KvCache new_cache(int64_t batch, int64_t capacity) const override;
  Tensor forward(std::span<const int32_t> ids, model::KvCache& cache) override;
  Tensor forward_uncached(std::span<const int32_t> ids) override;

 private:
  Tensor last_logits(std::span<const int32_t> ids, int64_t batch, model::KvCache* cache);

  model::Transformer& transformer_;
  ops::Context context_;  // keeps its memory between steps
  autograd::Tape tape_;
};

}  // namespace lathe::infer
