// The elementwise parts and sums of Muon on one matrix (R, C). x is float32 or bf16; with bf16 every result that is stored
// in x, and every product or quotient marked "round", is rounded to bf16 (row C-4.15). Float32 rounds nothing extra.
// Each element, row or column is computed by one task in a fixed order: the bits do not depend on the threads.
// On the meta device nothing happens.
#pragma once

#include "tensor/tensor.h"

namespace lathe::optim::internal {

// g = scale * grad; momentum = lerp(momentum, g, 1 - mu); u = lerp(g, momentum, mu). All (R, C), float32 but u.
void nesterov(const Tensor& grad, float scale, float mu, const Tensor& momentum, const Tensor& u);

// sums (R) or (C), float32: of x^2 over each row or column.
void row_sums_of_squares(const Tensor& x, const Tensor& sums);
void column_sums_of_squares(const Tensor& x, const Tensor& sums);
double total(const Tensor& sums);

void divide(const Tensor& x, float divisor);
void scale_rows(const Tensor& x, const Tensor& factors);        // (R)
void scaled_copy(const Tensor& x, float factor, const Tensor& y);  // y float32 = factor * x
// a = round(b a) + round(c aa).
void polynomial(const Tensor& a, const Tensor& aa, float b, float c);
// x = round(a x) + y.
void combine(const Tensor& x, float a, const Tensor& y);

struct MuonUpdate {
  float lr, decay;       // decay = round(lr * weight decay)
  bool factors_by_row;   // else by column
};
// z = round(x * factor); p -= round(lr z) + decay p [z p >= 0] (row C-4.14); compute (bf16, may be empty) = p.
void apply_update(const Tensor& x, const Tensor& factors, const MuonUpdate& update, const Tensor& p, const Tensor& compute);

}  // namespace lathe::optim::internal
