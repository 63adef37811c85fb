#include "eval/bits_per_byte.h"

#include <cmath>
#include <limits>
#include <numbers>

#include "core/check.h"
#include "core/log.h"

namespace lathe::eval {

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
  require(ids.size() == targets.size() && token_bytes.size() >= static_cast<size_t>(model.config().vocab_size),
          "[bits_per_byte] ", ids.size(), " ids, ", targets.size(), " targets, ", token_bytes.size(), " byte lengths");
  autograd::Tape tape(ctx, false);
  const int64_t n = static_cast<int64_t>(ids.size());
  model::Batch input;
  input.ids = Tensor::borrow(const_cast<int32_t*>(ids.data()), {n}, DType::kInt32);
  input.batch = batch;
  if (!documents.empty()) input.documents = Tensor::borrow(const_cast<int32_t*>(documents.data()), {n}, DType::kInt32);
  const autograd::Var hidden = model.forward(tape, input);
  const Tensor nll = model.loss(tape, hidden, Tensor::borrow(const_cast<int32_t*>(targets.data()), {n}, DType::kInt32), Tensor());
  ByteSums sums;
  for (int64_t i = 0; i < n; ++i) {
    const int32_t target = targets[static_cast<size_t>(i)];
    const int32_t bytes = target >= 0 ? token_bytes[static_cast<size_t>(target)] : 0;
    if (bytes <= 0) continue;
    sums.nats += static_cast<double>(nll.data<float>()[i]);
    sums.bytes += bytes;
  }
  return sums;
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
