// The output head fused with its loss, in chunks of rows so that the (N, V) logits never exist (trap M9):
//   z = x W^T (float32 sums, first V rows of W);  z = cap tanh(z / cap) if cap > 0;  nll = log sum exp(z) - z[target]
// in float32 (rows C-3.4, C-3.21, C-3.22, trap M6). Rows of W beyond V are padding: no logit, no gradient.
#pragma once

#include "ops/context.h"
#include "ops/quantized.h"

namespace lathe::ops {

struct HeadLossOptions {
  int64_t vocab_size = 0;  // V <= rows of W
  float softcap = 0;       // 15 in the chat family, 0 = none
  // For tests; 0 = chosen from V alone (64 MB of logits, 32 to 1024 rows). nll and dx do not depend on it; the float32
  // sum dw is split by chunk and does.
  int64_t chunk_rows = 0;
};

// x (N, C); w (Vpad, C); targets (N) int32, < 0 = ignored (else checked < V).
// nll (N) float32: written, 0 where ignored (unweighted).
void head_loss(Context& ctx, const Tensor& x, const Tensor& w, const Tensor& targets, const HeadLossOptions& options,
               const Tensor& nll);

// Rows of W whose gradient is wanted alone.
struct SelectedRows {
  Tensor rows;  // (R) int32 below V; empty: none
  Tensor dw;    // (R, C) float32, added to
};

// The same, and at once the gradients of sum_n factor[n] * nll[n]: dx (N, C) overwritten, dw (Vpad, C) float32 added to
// (empty = skip; so dx). factor (N) float32; rows with factor 0 or an ignored target give zero.
void head_loss_and_gradient(Context& ctx, const Tensor& x, const Tensor& w, const Tensor& targets, const Tensor& factor,
                            const HeadLossOptions& options, const Tensor& nll, const Tensor& dx, const Tensor& dw,
                            const SelectedRows& selected = {});

// Logits of the given rows for sampling: z (N, V) float32, softcapped.
Tensor head_logits(Context& ctx, const Tensor& x, const Tensor& w, const HeadLossOptions& options);
Tensor head_logits(Context& ctx, const Tensor& x, const QuantizedMatrix& w, const HeadLossOptions& options);  // w of V rows

// nll (N) float32 of targets (N) int32 in finished rows of logits z (N, V), as head_loss has it with the same bits: so a sampled
// token's log-probability is the one that training will see (decision 17). < 0 = ignored, 0.
void logits_loss(Context& ctx, const Tensor& z, const Tensor& targets, const Tensor& nll);

}  // namespace lathe::ops
