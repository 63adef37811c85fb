// Orthogonalisation of a matrix by a few odd polynomials: the sum of u_i v_i' from the sum of s_i u_i v_i', roughly.
// Polar Express: Amsel et al. 2025, arXiv:2505.16932 (rows C-4.11, C-4.12, C-4.15). Newton-Schulz: row C-4.23.
#pragma once

#include "ops/context.h"

namespace lathe::optim {

inline constexpr int64_t kMaxPolarSteps = 5;

// Overwrites x (R, C), float32 or bf16, with the orthogonalised matrix: x / (margin ||x||_F + 1e-6), then `steps`
// iterations of x = a x + (b A + c A A) x with A = x x' (from the right with A = x' x when R > C). bf16 rounds where
// row C-4.15 says. Work memory of x's dtype comes from the context's arena. Throws "[polar_express] ..." unless 0 <=
// steps <= kMaxPolarSteps.
void polar_express(ops::Context& ctx, const Tensor& x, int64_t steps, double margin = 1.02);

// The older quintic iteration with constant coefficients: starts from x / (||x||_F + 1e-7).
void newton_schulz(ops::Context& ctx, const Tensor& x, int64_t steps);

// The sum of a float32 vector's values in float64, in order; 0 on the meta device.
double total(const Tensor& sums);

}  // namespace lathe::optim
