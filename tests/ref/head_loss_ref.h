// The output head and its cross entropy in float64, from the definition.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace lathe::ref {

struct HeadLossCase {
  int64_t rows, width, vocab;
  double softcap;  // 0 = none
};

// x (N, C), w (at least V, C): softcapped logits (N, V).
inline std::vector<double> head_logits(const std::vector<double>& x, const std::vector<double>& w,
                                       const HeadLossCase& c) {
  std::vector<double> logits;
  for (int64_t n = 0; n < c.rows; ++n)
    for (int64_t v = 0; v < c.vocab; ++v) {
      double z = 0;
      for (int64_t i = 0; i < c.width; ++i)
        z += x[static_cast<size_t>(n * c.width + i)] * w[static_cast<size_t>(v * c.width + i)];
      logits.push_back(c.softcap > 0 ? c.softcap * std::tanh(z / c.softcap) : z);
    }
  return logits;
}

inline double log_sum_exp(const double* z, int64_t n) {
  const double max = *std::max_element(z, z + n);
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += std::exp(z[i] - max);
  return max + std::log(sum);
}

// nll (N), zero where the target is negative.
inline std::vector<double> head_loss(const std::vector<double>& x, const std::vector<double>& w,
                                     const std::vector<int32_t>& targets, const HeadLossCase& c) {
  const std::vector<double> logits = head_logits(x, w, c);
  std::vector<double> nll;
  for (int64_t n = 0; n < c.rows; ++n) {
    const double* z = logits.data() + n * c.vocab;
    const int32_t target = targets[static_cast<size_t>(n)];
    nll.push_back(target < 0 ? 0 : log_sum_exp(z, c.vocab) - z[target]);
  }
  return nll;
}

struct HeadLossGradient {
  std::vector<double> dx, dw;
};

// Gradients of sum(factor * nll).
inline HeadLossGradient head_loss_gradient(const std::vector<double>& x, const std::vector<double>& w,
                                           const std::vector<int32_t>& targets, const std::vector<double>& factor,
                                           const HeadLossCase& c) {
  const std::vector<double> logits = head_logits(x, w, c);
  HeadLossGradient result{std::vector<double>(x.size(), 0.0), std::vector<double>(w.size(), 0.0)};
  for (int64_t n = 0; n < c.rows; ++n) {
    const double* z = logits.data() + n * c.vocab;
    const int32_t target = targets[static_cast<size_t>(n)];
    if (target < 0) continue;
    const double total = log_sum_exp(z, c.vocab);
    for (int64_t v = 0; v < c.vocab; ++v) {
      const double t = c.softcap > 0 ? z[v] / c.softcap : 0;
      const double dz = factor[static_cast<size_t>(n)] * (std::exp(z[v] - total) - (v == target ? 1 : 0)) * (1 - t * t);
      for (int64_t i = 0; i < c.width; ++i) {
        const auto at_x = static_cast<size_t>(n * c.width + i), at_w = static_cast<size_t>(v * c.width + i);
        result.dx[at_x] += dz * w[at_w];
        result.dw[at_w] += dz * x[at_x];
      }
    }
  }
  return result;
}

}  // namespace lathe::ref
