#include "eval/bits_per_byte.h"

#include <cmath>
#include <limits>
#include <numbers>

#include "core/check.h"
#include "core/log.h"

namespace lathe::eval {
namespace {

// take(target, its loss in nats) for every target of the batch.
template <class Take>
void each_loss(model::Transformer& model, ops::Context& ctx, std::span<const int32_t> ids, std::span<const int32_t> targets, int64_t batch,
               std::span<const int32_t> documents, Take&& take) {
  require(ids.size() == targets.size(), "[bits_per_byte] ", ids.size(), " ids, ", targets.size(), " targets");
  autograd::Tape tape(ctx, false);
  const int64_t n = static_cast<int64_t>(ids.size());
  model::Batch input;
  input.ids = Tensor::borrow(const_cast<int32_t*>(ids.data()), {n}, DType::kInt32);
  input.batch = batch;
  if (!documents.empty()) input.documents = Tensor::borrow(const_cast<int32_t*>(documents.data()), {n}, DType::kInt32);
  const autograd::Var hidden = model.forward(tape, input);
  const Tensor nll = model.loss(tape, hidden, Tensor::borrow(const_cast<int32_t*>(targets.data()), {n}, DType::kInt32), Tensor());
  for (int64_t i = 0; i < n; ++i)
    if (targets[static_cast<size_t>(i)] >= 0) take(targets[static_cast<size_t>(i)], static_cast<double>(nll.data<float>()[i]));
}

LossSum loss_of(model::Transformer& model, ops::Context& ctx, const data::TokenBatch& batch) {
  LossSum sum;
  each_loss(model, ctx, batch.inputs(), batch.targets(), batch.rows, batch.documents, [&](int32_t, double nats) {
    sum.nats += nats;
    ++sum.targets;
  });
  return sum;
}

}  // namespace

double ByteSums::bits_per_byte() const {
  if (bytes == 0) return std::numeric_limits<double>::infinity();
  return nats / (std::numbers::ln2 * static_cast<double>(bytes));
}

ByteSums& ByteSums::operator+=(const ByteSums& other) {
  nats += other.nats;
  bytes += other.bytes;
  return *this;
}

ByteSums measure_batch(model::Transformer& model, ops::Context& ctx, std::span<const int32_t> ids, std::span<const int32_t> targets,
                       int64_t batch, std::span<const int32_t> token_bytes, std::span<const int32_t> documents) {
  require(token_bytes.size() >= static_cast<size_t>(model.config().vocab_size), "[bits_per_byte] ", token_bytes.size(), " byte lengths for ",
          model.config().vocab_size, " tokens");
  ByteSums sums;
  each_loss(model, ctx, ids, targets, batch, documents, [&](int32_t target, double nats) {
    const int32_t bytes = token_bytes[static_cast<size_t>(target)];
    if (bytes <= 0) return;
    sums.nats += nats;
    sums.bytes += bytes;
  });
  return sums;
}

double measure_loss(model::Transformer& model, ops::Context& ctx, const data::TokenBatch& batch) {
  return loss_of(model, ctx, batch).mean();
}

Result<std::vector<LossSum>> measure_losses(model::Transformer& model, ops::Context& ctx, data::TokenLoader& loader, int64_t batches) {
  std::vector<LossSum> sums;
  data::TokenBatch batch;
  for (int64_t i = 0; i < batches; ++i) {
    LATHE_TRY_STATUS(loader.next(batch));
    sums.push_back(loss_of(model, ctx, batch));
  }
  return sums;
}

LossSum total_of(std::span<const LossSum> sums) {
  LossSum total;
  for (const LossSum& sum : sums) {
    total.nats += sum.nats;
    total.targets += sum.targets;
  }
  return total;
}

Result<double> measure_loss(model::Transformer& model, ops::Context& ctx, data::TokenLoader& loader, int64_t batches) {
  LATHE_TRY(const std::vector<LossSum> sums, measure_losses(model, ctx, loader, batches));
  return total_of(sums).mean();
}

Result<ByteSums> measure_batches(model::Transformer& model, ops::Context& ctx, data::TokenLoader& loader, int64_t batches,
                                 std::span<const int32_t> token_bytes) {
  ByteSums sums;
  data::TokenBatch batch;
  for (int64_t i = 0; i < batches; ++i) {
    LATHE_TRY_STATUS(loader.next(batch));
    sums += measure_batch(model, ctx, batch.inputs(), batch.targets(), batch.rows, token_bytes, batch.documents);
  }
  return sums;
}

Result<int64_t> batches_of(int64_t tokens, int64_t rows, int64_t columns, int64_t ranks) {
  const int64_t batch = rows * columns * ranks;
  if (rows < 1 || columns < 1 || ranks < 1 || tokens < batch)
    return error(tokens, " tokens are less than one batch of ", rows, " x ", columns, " x ", ranks, "; ask for more, or for fewer rows");
  const int64_t batches = tokens / batch;
  if (batches * batch != tokens) log_info("eval", "tokens rounded down from ", tokens, " to ", batches * batch, ", whole batches of ", batch);
  return batches;
}

}  // namespace lathe::eval
