#include "infer/transformer_model.h"

#include <algorithm>
#include <numeric>

#include "ops/elementwise.h"

namespace lathe::infer {

int64_t TransformerModel::context_limit() const {
  const model::ModelConfig& config = transformer_.config();
  return config.positions == model::Positions::kRope ? config.table_length() : config.sequence_len;
}

// With rotated positions and a sliding window no position is ever farther than the window: all of the table can be used.
int64_t TransformerModel::slide_length() const {
  const model::ModelConfig& config = transformer_.config();
  const bool windowed = config.positions == model::Positions::kRope && config.sliding_window > 0;
  return windowed ? context_limit() : std::min(config.sequence_len, context_limit());
}

model::KvCache TransformerModel::new_cache(int64_t batch, int64_t capacity) const {
  return model::KvCache(transformer_.config(), batch, capacity, transformer_.dtype());
}

Tensor TransformerModel::forward(std::span<const int32_t> ids, model::KvCache& cache) {
  return last_logits(ids, cache.batch(), &cache);
}

Tensor TransformerModel::forward_uncached(std::span<const int32_t> ids) { return last_logits(ids, 1, nullptr); }

model::PagedCache TransformerModel::new_pages(int64_t pages, model::KvFormat format) const {
  return model::PagedCache(transformer_.config(), pages, transformer_.dtype(), format);
}

int64_t TransformerModel::bytes_per_page(model::KvFormat format) const {
  return model::PagedCache::bytes_per_page(transformer_.config(), transformer_.dtype(), format);
}

// Steps have any number of tokens, and memory that grew piece by piece to the largest so far would be a multiple of what it needs: once
// it has grown, one piece with a quarter to spare takes its place.
void TransformerModel::settle_memory() {
  const Arena& arena = memory_->context.arena();
  if (arena.growths() == 0 || arena.bytes_in_use() > 0) return;
  const int64_t bytes = arena.peak_bytes() + arena.peak_bytes() / 4;
  memory_.reset();
  memory_ = std::make_unique<Memory>();
  memory_->context.arena().reserve(bytes);
}

// Rows of one adapter are computed side by side; their logits go back to the caller's order.
Tensor TransformerModel::step(std::span<const model::PagedRow> rows, model::PagedCache& cache) {
  settle_memory();
  ops::Context& context = memory_->context;
  order_.resize(rows.size());
  std::iota(order_.begin(), order_.end(), size_t{0});
  std::stable_sort(order_.begin(), order_.end(), [&](size_t a, size_t b) { return rows[a].adapter < rows[b].adapter; });
  ids_.clear(), sorted_.clear();
  ends_.resize(rows.size());
  int64_t wanted = 0;
  for (const size_t r : order_) {
    const model::PagedRow& row = rows[r];
    require(row.wanted >= 0 && row.wanted <= static_cast<int64_t>(row.ids.size()), "[transformer_model] ", row.wanted, " logits of ", row.ids.size(),
            " tokens");
    require(row.adapter >= -1 && row.adapter < static_cast<int32_t>(adapters_.size()), "[transformer_model] adapter ", row.adapter, " of ",
            adapters_.size());
    sorted_.push_back(row);
    ids_.insert(ids_.end(), row.ids.begin(), row.ids.end());
    ends_[r] = static_cast<int64_t>(ids_.size());
    wanted += row.wanted;
  }
  const model::PagedStep step{sorted_, &cache};
  model::Batch input;
  input.ids = Tensor::borrow(ids_.data(), {static_cast<int64_t>(ids_.size())}, DType::kInt32);
  input.paged = &step;
  const Tensor hidden = transformer_.forward(memory_->tape, input).value;  // (N, C)
  if (wanted == 0) return context.empty({0, vocab_size()}, DType::kFloat32);
  const Tensor places = context.empty({wanted}, DType::kInt32);
  int32_t* place = places.data<int32_t>();
  for (size_t r = 0; r < rows.size(); ++r)
    for (int64_t i = rows[r].wanted; i > 0; --i) *place++ = static_cast<int32_t>(ends_[r] - i);
  return transformer_.logits(context, ops::gather_rows(context, hidden, places));
}

Tensor TransformerModel::hidden_states(std::span<const int32_t> ids) {
  ops::Context& context = memory_->context;
  const auto n = static_cast<int64_t>(ids.size());
  require(n >= 1, "[transformer_model] hidden states of no ids");
  model::Batch input;
  input.ids = Tensor::borrow(const_cast<int32_t*>(ids.data()), {n}, DType::kInt32);  // only read
  const Tensor hidden = transformer_.forward(memory_->tape, input).value;
  if (hidden.dtype() == DType::kFloat32) return hidden;
  Tensor out = context.empty(hidden.shape(), DType::kFloat32);
  ops::cast(context, hidden, out);
  return out;
}

Result<int32_t> TransformerModel::add_adapter(model::Adapter& adapter) {
  require(&adapter.transformer() == &transformer_, "[transformer_model] an adapter of another model");
  const auto number = static_cast<int32_t>(adapters_.size());
  LATHE_TRY_STATUS(adapter.use_for_rows(number));
  adapters_.push_back(&adapter);
  return number;
}

Tensor TransformerModel::last_logits(std::span<const int32_t> ids, int64_t batch, model::KvCache* cache) {
  ops::Context& context = memory_->context;
  const int64_t n = static_cast<int64_t>(ids.size()), length = n / batch;
  require(length >= 1 && length * batch == n, "[transformer_model] ", n, " ids for ", batch, " rows");
  model::Batch input;
  input.ids = Tensor::borrow(const_cast<int32_t*>(ids.data()), {n}, DType::kInt32);  // only read
  input.batch = batch;
  input.cache = cache;
  const Tensor hidden = transformer_.forward(memory_->tape, input).value;  // (N, C)
  if (length == 1) return transformer_.logits(context, hidden);
  if (batch == 1) return transformer_.logits(context, hidden.rows(n - 1, n));
  const Tensor last = context.empty({batch, hidden.dim(1)}, hidden.dtype());
  for (int64_t b = 0; b < batch; ++b)
    last.rows(b, b + 1).copy_from(hidden.rows((b + 1) * length - 1, (b + 1) * length));
  return transformer_.logits(context, last);
}

}  // namespace lathe::infer
