#include "infer/transformer_model.h"

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

Tensor TransformerModel::last_logits(std::span<const int32_t> ids, int64_t batch, model::KvCache* cache) {
  const int64_t n = static_cast<int64_t>(ids.size()), length = n / batch;
  require(length >= 1 && length * batch == n, "[transformer_model] ", n, " ids for ", batch, " rows");
  model::Batch input;
  input.ids = Tensor::borrow(const_cast<int32_t*>(ids.data()), {n}, DType::kInt32);  // only read
  input.batch = batch;
  input.cache = cache;
  const Tensor hidden = transformer_.forward(tape_, input).value;  // (N, C)
  if (length == 1) return transformer_.logits(context_, hidden);
  if (batch == 1) return transformer_.logits(context_, hidden.rows(n - 1, n));
  const Tensor last = context_.empty({batch, hidden.dim(1)}, hidden.dtype());
  for (int64_t b = 0; b < batch; ++b)
    last.rows(b, b + 1).copy_from(hidden.rows((b + 1) * length - 1, (b + 1) * length));
  return transformer_.logits(context_, last);
}

}  // namespace lathe::infer
