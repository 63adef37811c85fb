#include "ops/head_loss.h"

#include <algorithm>

#include "ops/kernels.h"
#include "ops/low_rank.h"
#include "ops/profiler.h"

namespace lathe::ops {
namespace {

constexpr const char* kOp = "[head_loss]";

// The sum over rows of dw is split by chunk, so the choice may depend on V alone: never on N, threads or memory.
// Larger chunks make the three products faster (dw is read and written once a chunk).
int64_t rows_per_chunk(const HeadLossOptions& options) {
  if (options.chunk_rows > 0) return options.chunk_rows;
  constexpr int64_t kLogits = int64_t{64} << 20, kStep = 32;  // bytes, rows
  return std::clamp<int64_t>(kLogits / (options.vocab_size * int64_t{sizeof(float)}) / kStep * kStep, kStep, 1024);
}

void check_weight(const Tensor& x, const Tensor& w, const HeadLossOptions& options) {
  require_activation(kOp, x);
  require(x.rank() == 2 && w.rank() == 2 && w.dtype() == x.dtype() && x.dim(1) == w.dim(1), kOp, " x ", x.shape(),
          " and w ", w.shape(), " do not fit");
  require(options.vocab_size > 0 && options.vocab_size <= w.dim(0), kOp, " vocabulary of ", options.vocab_size,
          " with ", w.dim(0), " rows of w");
}

void check_targets(Context& ctx, const Tensor& x, const Tensor& targets, const HeadLossOptions& options,
                   const Tensor& nll) {
  require_tensor(kOp, "targets", targets, {x.dim(0)}, DType::kInt32);
  require_tensor(kOp, "nll", nll, {x.dim(0)}, DType::kFloat32);
  if (ctx.device() == Device::kCpu)
    for (const int32_t target : targets.span<int32_t>())
      require(target < options.vocab_size, kOp, " target ", target, " of a vocabulary of ", options.vocab_size);
}

struct Gradients {
  const Tensor &factor, &dx, &dw;
  const SelectedRows& selected;
};

void run(Context& ctx, const Tensor& x, const Tensor& w, const Tensor& targets, const HeadLossOptions& options,
         const Tensor& nll, const Gradients* gradients) {
  const int64_t n = x.dim(0), v = options.vocab_size,
                chunk = std::min(rows_per_chunk(options), std::max<int64_t>(n, 1));
  const Tensor used = w.rows(0, v);  // (V, C)
  const Tensor logits = ctx.empty({chunk, v}, DType::kFloat32);
  Tensor dlogits;
  if (gradients) dlogits = x.dtype() == DType::kFloat32 ? logits : ctx.empty({chunk, v}, x.dtype());
  for (int64_t begin = 0; begin < n; begin += chunk) {
    const int64_t end = std::min(n, begin + chunk);
    const Tensor z = logits.rows(0, end - begin), xs = x.rows(begin, end);
    const Tensor dz = gradients ? dlogits.rows(0, end - begin) : Tensor();
    matmul(ctx, xs, Transpose::kNo, used, Transpose::kYes, z, false);
    {
      const Timed timed(ctx, "softmax_loss", 5 * static_cast<double>(z.elements()), bytes_of(z, dz));
      if (!ctx.meta())
        kernels_of(ctx.device())
            .softmax_loss(z, targets.rows(begin, end), gradients ? gradients->factor.rows(begin, end) : Tensor(), v,
                          options.softcap, nll.rows(begin, end), dz);
    }
    if (!gradients) continue;
    if (gradients->dx) matmul(ctx, dz, Transpose::kNo, used, Transpose::kNo, gradients->dx.rows(begin, end), false);
    if (gradients->selected.rows)
      matmul(ctx, gather_columns(ctx, dz, gradients->selected.rows), Transpose::kYes, xs, Transpose::kNo, gradients->selected.dw, true);
    if (gradients->dw) matmul(ctx, dz, Transpose::kYes, xs, Transpose::kNo, gradients->dw.rows(0, v), true);
  }
}

}  // namespace

void head_loss(Context& ctx, const Tensor& x, const Tensor& w, const Tensor& targets, const HeadLossOptions& options,
               const Tensor& nll) {
  check_weight(x, w, options);
  check_targets(ctx, x, targets, options, nll);
  run(ctx, x, w, targets, options, nll, nullptr);
}

void head_loss_and_gradient(Context& ctx, const Tensor& x, const Tensor& w, const Tensor& targets, const Tensor& factor,
                            const HeadLossOptions& options, const Tensor& nll, const Tensor& dx, const Tensor& dw,
                            const SelectedRows& selected) {
  check_weight(x, w, options);
  check_targets(ctx, x, targets, options, nll);
  require_tensor(kOp, "factor", factor, {x.dim(0)}, DType::kFloat32);
  if (dx) require_tensor(kOp, "dx", dx, x.shape(), x.dtype());
  if (selected.rows) require_tensor(kOp, "dw of rows", selected.dw, {selected.rows.dim(0), x.dim(1)}, DType::kFloat32);
  if (dw) require_tensor(kOp, "dw", dw, w.shape(), DType::kFloat32);
  const Gradients gradients{factor, dx, dw, selected};
  run(ctx, x, w, targets, options, nll, &gradients);
}

void logits_loss(Context& ctx, const Tensor& z, const Tensor& targets, const Tensor& nll) {
  require(z.rank() == 2 && z.dtype() == DType::kFloat32, kOp, " logits ", z.shape());
  HeadLossOptions options;
  options.vocab_size = z.dim(1);
  check_targets(ctx, z, targets, options, nll);
  const Timed timed(ctx, "softmax_loss", 3 * static_cast<double>(z.elements()), bytes_of(z));
  // The softcap was applied already, so the logits are only read.
  if (!ctx.meta()) kernels_of(ctx.device()).softmax_loss(z, targets, Tensor(), options.vocab_size, 0, nll, Tensor());
}

Tensor head_logits(Context& ctx, const Tensor& x, const Tensor& w, const HeadLossOptions& options) {
  check_weight(x, w, options);
  Tensor logits = ctx.empty({x.dim(0), options.vocab_size}, DType::kFloat32);
  matmul(ctx, x, Transpose::kNo, w.rows(0, options.vocab_size), Transpose::kYes, logits, false);
  softcap_inplace(ctx, logits, options.softcap);
  return logits;
}

Tensor head_logits(Context& ctx, const Tensor& x, const QuantizedMatrix& w, const HeadLossOptions& options) {
  require(w.outputs == options.vocab_size, "[head_logits] a head of ", w.outputs, " rows for a vocabulary of ", options.vocab_size);
  Tensor logits = ctx.empty({x.dim(0), options.vocab_size}, DType::kFloat32);
  quantized_product(ctx, x, w, logits);
  softcap_inplace(ctx, logits, options.softcap);
  return logits;
}

}  // namespace lathe::ops
