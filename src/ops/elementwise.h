// Sums and multiples of activations.
#pragma once

#include "ops/context.h"

namespace lathe::ops {

Tensor add(Context& ctx, const Tensor& a, const Tensor& b);
void add_inplace(Context& ctx, const Tensor& a, const Tensor& b);  // a += b
Tensor scaled(Context& ctx, const Tensor& x, float factor);         // x * factor

// y = alpha * a + beta * b with learned scalars: coefficients (K) float32, alpha = coefficients[ia], beta =
// coefficients_b[ib]. Rows C-3.7 (residual and x0 lambdas) and C-3.41 (backout, with alpha fixed).
struct MixCoefficient {
  Tensor values;      // float32 vector that holds the scalar; empty = the constant below
  int64_t index = 0;
  float constant = 1;  // used when values is empty; else multiplies the scalar (so -1 subtracts)
};
Tensor mix(Context& ctx, const Tensor& a, const MixCoefficient& alpha, const Tensor& b, const MixCoefficient& beta);
// da, db overwritten (either may be empty); dalpha, dbeta: float32 vectors like the coefficient's, added at its index
// (empty = skip). Sums run in float64 over fixed blocks of rows, in block order.
void mix_backward(Context& ctx, const Tensor& dy, const Tensor& a, const MixCoefficient& alpha, const Tensor& b,
                  const MixCoefficient& beta, const Tensor& da, const Tensor& db, const Tensor& dalpha, const Tensor& dbeta);

// The first `columns` columns of x (N, C), as (N, columns). Backward: ADDS dy to those columns of dx.
Tensor first_columns(Context& ctx, const Tensor& x, int64_t columns);
void first_columns_backward(Context& ctx, const Tensor& dy, const Tensor& dx);

// Rows of x (N, C) by number: rows (M) int32. Returns (M, C). Inference only.
Tensor gather_rows(Context& ctx, const Tensor& x, const Tensor& rows);

// Converts between fp32 and bf16 into `out` of the same shape (round to nearest even).
void cast(Context& ctx, const Tensor& x, const Tensor& out);

// cap * tanh(x / cap) in place on float32 logits (row C-3.21). cap <= 0: nothing.
void softcap_inplace(Context& ctx, const Tensor& logits, float cap);

}  // namespace lathe::ops
