// The elementwise parts and sums of Muon on one matrix (R, C). x, u, a, aa and y are float32 or bf16, all of one dtype; with
// bf16 every result that is stored in them, and every product or quotient marked "round", is rounded to bf16 (row C-4.15).
// Float32 rounds nothing extra. Each element, row or column is computed by one task in a fixed order: the bits do not
// depend on the threads. On the meta device nothing happens.
#pragma once

#include "ops/context.h"

namespace lathe::ops {

// g = scale * grad; momentum = lerp(momentum, g, 1 - mu); u = lerp(g, momentum, mu). grad and momentum float32.
void muon_nesterov(Context& ctx, const Tensor& grad, float scale, float mu, const Tensor& momentum, const Tensor& u);

// sums (R) or (C), float32: of x^2 over each row or column.
void row_sums_of_squares(Context& ctx, const Tensor& x, const Tensor& sums);
void column_sums_of_squares(Context& ctx, const Tensor& x, const Tensor& sums);

// y (C, R) = the transpose of x (R, C), float32 or bf16.
void transpose(Context& ctx, const Tensor& x, const Tensor& y);
// a (R, R) = x x^T, of x's dtype. Only what stands on and below the diagonal is multiplied, in blocks of rows, and mirrored: the
// bits of the whole product, since both halves sum the same products in the same order.
void multiply_by_transpose(Context& ctx, const Tensor& x, const Tensor& a);

void divide_inplace(Context& ctx, const Tensor& x, float divisor);
void scale_rows_inplace(Context& ctx, const Tensor& x, const Tensor& factors);     // factors (R), float32
void scaled_copy(Context& ctx, const Tensor& x, float factor, const Tensor& y);    // y float32 = factor * x; y may be x
// a = round(b a) + round(c aa).
void muon_polynomial(Context& ctx, const Tensor& a, const Tensor& aa, float b, float c);
// x = round(a x) + y.
void muon_combine(Context& ctx, const Tensor& x, float a, const Tensor& y);

struct MuonUpdate {
  float lr, decay;      // decay = round(lr * weight decay)
  bool factors_by_row;  // else by column
};
// z = round(x * factor); p -= round(lr z) + decay p [z p >= 0] (row C-4.14). p float32; compute (bf16, may be empty) = p.
void muon_apply(Context& ctx, const Tensor& x, const Tensor& factors, const MuonUpdate& update, const Tensor& p,
                const Tensor& compute);

}  // namespace lathe::ops
