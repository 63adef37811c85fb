// Bits per byte: sum of the losses of targets that have bytes / (ln 2 * sum of their bytes). Special tokens (0 bytes)
// and ignored targets count in neither sum; it is not a mean of batch means. Rows C-7.1 to C-7.3, trap L6.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/result.h"
#include "data/token_loader.h"
#include "model/transformer.h"

namespace lathe::eval {

// The sums themselves, so that ranks and batches can be added.
struct ByteSums {
  double nats = 0;
  int64_t bytes = 0;
  // +infinity when no byte was counted.
  double bits_per_byte() const;
  ByteSums& operator+=(const ByteSums& other);
};

// One batch: ids and targets (B*T), target < 0 ignored; token_bytes by id. documents (B*T) or empty: model::Batch.
ByteSums measure_batch(model::Transformer& model, ops::Context& ctx, std::span<const int32_t> ids, std::span<const int32_t> targets,
                       int64_t batch, std::span<const int32_t> token_bytes, std::span<const int32_t> documents = {});

// The mean loss of a batch's targets, special tokens among them, in nats; 0 without a target.
double measure_loss(model::Transformer& model, ops::Context& ctx, const data::TokenBatch& batch);
// The sums of a loader's next `batches` batches, one each: their total is what training validates by.
struct LossSum {
  double nats = 0;
  int64_t targets = 0;
  double mean() const { return targets == 0 ? 0.0 : nats / static_cast<double>(targets); }
};
Result<std::vector<LossSum>> measure_losses(model::Transformer& model, ops::Context& ctx, data::TokenLoader& loader, int64_t batches);
LossSum total_of(std::span<const LossSum> sums);
// The same over the targets of a loader's next `batches` batches, each target with the same weight.
Result<double> measure_loss(model::Transformer& model, ops::Context& ctx, data::TokenLoader& loader, int64_t batches);

// The next `batches` batches of a loader.
Result<ByteSums> measure_batches(model::Transformer& model, ops::Context& ctx, data::TokenLoader& loader, int64_t batches,
                                 std::span<const int32_t> token_bytes);

// How many batches `tokens` tokens are: rounded down, and an error when not even one (row C-7.5).
Result<int64_t> batches_of(int64_t tokens, int64_t rows, int64_t columns, int64_t ranks = 1);

}  // namespace lathe::eval
