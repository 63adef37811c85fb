// What adapters on frozen layers need beside matrix products.
#pragma once

#include "ops/context.h"
#include "ops/quantized.h"

namespace lathe::ops {

// h = scale * x A^T, (N, r) of x's dtype, and y += h B^T, rounded once; returns h. x (N, in); a (r, in); b (out, r);
// y (N, out), empty = skip. With w (out, in) y = input W^T first, by the same blocks of rows, so that y is still in the
// cache; the bits are those of a product of its own. input (N, in): x before dropout.
Tensor low_rank(Context& ctx, const Tensor& x, const Tensor& a, const Tensor& b, float scale, const Tensor& y,
                const Tensor& input = Tensor(), const Tensor& w = Tensor());
// dx (N, in): added to, in x's dtype; da, db: float32, added to. Empty ones are skipped.
// With w, dx = dy W first, in the same way.
void low_rank_backward(Context& ctx, const Tensor& dy, const Tensor& x, const Tensor& h, const Tensor& a, const Tensor& b, float scale,
                       const Tensor& dx, const Tensor& da, const Tensor& db, const Tensor& w = Tensor());

// DoRA. y = x * factors by column; x, y (N, C) of one activation dtype, y may be x; factors (C) float32.
void scale_columns(Context& ctx, const Tensor& x, const Tensor& factors, const Tensor& y);
// dfactors (C) float32 += sum over rows of dy * x, in float64 in the order of the rows.
void scale_columns_backward(Context& ctx, const Tensor& dy, const Tensor& x, const Tensor& dfactors);
// norms (M) float32 = the Euclidean norm of every row of w + scale * product. w (M, K) of an activation dtype, product float32.
void adapted_row_norms(Context& ctx, const Tensor& w, const Tensor& product, float scale, const Tensor& norms);

// Columns of x (N, V) by number: columns (R) int32. Returns (N, R).
Tensor gather_columns(Context& ctx, const Tensor& x, const Tensor& columns);

// The numbers that the codes stand for, rounded to dtype, from the arena: (N, K).
Tensor dequantize(Context& ctx, const QuantizedMatrix& w, DType dtype);

}  // namespace lathe::ops
