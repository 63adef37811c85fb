// The transformer as a LanguageModel.
#pragma once

#include <memory>

#include "infer/language_model.h"
#include "model/adapter.h"
#include "model/transformer.h"

namespace lathe::infer {

// `transformer` must outlive this and have its weights ready (refresh_compute).
class TransformerModel : public LanguageModel {
 public:
  explicit TransformerModel(model::Transformer& transformer) : transformer_(transformer), memory_(std::make_unique<Memory>()) {}

  int64_t vocab_size() const override { return transformer_.config().vocab_size; }
  int64_t sequence_len() const override { return transformer_.config().sequence_len; }
  int64_t context_limit() const override;
  int64_t slide_length() const override;
  int32_t adapters() const override { return static_cast<int32_t>(adapters_.size()); }
  model::KvCache new_cache(int64_t batch, int64_t capacity) const override;
  Tensor forward(std::span<const int32_t> ids, model::KvCache& cache) override;
  Tensor forward_uncached(std::span<const int32_t> ids) override;
  model::PagedCache new_pages(int64_t pages, model::KvFormat format) const override;
  int64_t bytes_per_page(model::KvFormat format) const override;
  Tensor step(std::span<const model::PagedRow> rows, model::PagedCache& cache) override;
  Tensor hidden_states(std::span<const int32_t> ids) override;

  // An adapter on this transformer that PagedRow::adapter may name from here on by the number returned; for all other passes it is
  // off. It must outlive this. Before any other thread uses this. Error: a form that cannot be on for some rows only (Adapter::use_for_rows).
  Result<int32_t> add_adapter(model::Adapter& adapter);

 private:
  // Kept between passes.
  struct Memory {
    ops::Context context;
    autograd::Tape tape{context, false};
  };
  Tensor last_logits(std::span<const int32_t> ids, int64_t batch, model::KvCache* cache);
  void settle_memory();

  model::Transformer& transformer_;
  std::unique_ptr<Memory> memory_;
  std::vector<model::Adapter*> adapters_;
  // Of a step, kept for the next one: rows by adapter, their ids, and where each of the caller's rows ends among these.
  std::vector<size_t> order_;
  std::vector<model::PagedRow> sorted_;
  std::vector<int32_t> ids_;
  std::vector<int64_t> ends_;
};

}  // namespace lathe::infer
