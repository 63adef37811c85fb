// Muon in float64 on one row-major matrix, written from the formulas (rows C-4.10 to C-4.14, C-4.23, C-4.28) with plain
// triple loops: the truth that the fast one is compared with.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

namespace lathe::ref {

struct Matrix {
  int rows = 0, columns = 0;
  std::vector<double> values;
  Matrix(int r, int c) : rows(r), columns(c), values(static_cast<size_t>(r * c)) {}
  double& operator()(int i, int j) { return values[static_cast<size_t>(i * columns + j)]; }
  double operator()(int i, int j) const { return values[static_cast<size_t>(i * columns + j)]; }
};

inline Matrix transpose(const Matrix& a) {
  Matrix t(a.columns, a.rows);
  for (int i = 0; i < a.rows; ++i)
    for (int j = 0; j < a.columns; ++j) t(j, i) = a(i, j);
  return t;
}

inline Matrix product(const Matrix& a, const Matrix& b) {
  Matrix c(a.rows, b.columns);
  for (int i = 0; i < a.rows; ++i)
    for (int j = 0; j < b.columns; ++j)
      for (int k = 0; k < a.columns; ++k) c(i, j) += a(i, k) * b(k, j);
  return c;
}

inline double frobenius(const Matrix& a) {
  double sum = 0;
  for (const double v : a.values) sum += v * v;
  return std::sqrt(sum);
}

inline Matrix iterate(Matrix x, const std::vector<std::array<double, 3>>& coefficients, double margin, double epsilon) {
  if (x.rows > x.columns) return transpose(iterate(transpose(x), coefficients, margin, epsilon));
  const double divisor = margin * frobenius(x) + epsilon;
  for (double& v : x.values) v /= divisor;
  for (const auto& [a, b, c] : coefficients) {
    const Matrix gram = product(x, transpose(x)), square = product(gram, gram);
    Matrix mixed(gram.rows, gram.columns);
    for (size_t i = 0; i < mixed.values.size(); ++i) mixed.values[i] = b * gram.values[i] + c * square.values[i];
    const Matrix change = product(mixed, x);
    for (size_t i = 0; i < x.values.size(); ++i) x.values[i] = a * x.values[i] + change.values[i];
  }
  return x;
}

enum class MuonRule { kSeed, kNewest, kOld };

struct Muon {
  Matrix p, momentum;
  std::vector<double> second;
  Muon(const Matrix& start)
      : p(start), momentum(start.rows, start.columns), second(static_cast<size_t>(std::max(start.rows, start.columns))) {}

  void step(MuonRule rule, const Matrix& g, double lr, double mu, double decay, double beta2) {
    Matrix u = g;
    for (size_t i = 0; i < u.values.size(); ++i) {
      momentum.values[i] += (1 - mu) * (g.values[i] - momentum.values[i]);
      u.values[i] = (1 - mu) * g.values[i] + mu * momentum.values[i];
    }
    const int rows = p.rows, columns = p.columns;
    lr *= std::sqrt(std::max(1.0, static_cast<double>(rows) / columns));
    if (rule == MuonRule::kOld) {
      const Matrix x = iterate(u, std::vector<std::array<double, 3>>(5, {3.4445, -4.7750, 2.0315}), 1, 1e-7);
      for (size_t i = 0; i < p.values.size(); ++i) p.values[i] -= lr * x.values[i];
      return;
    }
    if (rule == MuonRule::kNewest) {
      const double norm = frobenius(u);
      for (int i = 0; i < rows; ++i) {
        double row = 0;
        for (int j = 0; j < columns; ++j) row += u(i, j) * u(i, j);
        for (int j = 0; j < columns; ++j) u(i, j) *= norm / std::sqrt(rows) / std::max(std::sqrt(row), 1e-6);
      }
    }
    Matrix x = iterate(u,
                       {{8.156554524902461, -22.48329292557795, 15.878769915207462},
                        {4.042929935166739, -2.808917465908714, 0.5000178451051316},
                        {3.8916678022926607, -2.772484153217685, 0.5060648178503393},
                        {3.285753657755655, -2.3681294933425376, 0.46449024233003106},
                        {2.3465413258596377, -1.7097828382687081, 0.42323551169305323}},
                       rule == MuonRule::kNewest ? 1.01 : 1.02, 1e-6);
    if (rule == MuonRule::kNewest) {
      const double factor = std::sqrt(std::min(rows, columns)) / std::max(frobenius(x), 1e-6);
      for (double& v : x.values) v *= factor;
    }
    const bool by_row = rows >= columns;
    std::vector<double> mean(second.size());
    for (int i = 0; i < rows; ++i)
      for (int j = 0; j < columns; ++j) mean[static_cast<size_t>(by_row ? i : j)] += x(i, j) * x(i, j) / (by_row ? columns : rows);
    const double before = frobenius(x);
    for (size_t k = 0; k < second.size(); ++k) second[k] += (1 - beta2) * (mean[k] - second[k]);
    for (int i = 0; i < rows; ++i)
      for (int j = 0; j < columns; ++j) x(i, j) /= std::sqrt(std::max(second[static_cast<size_t>(by_row ? i : j)], 1e-10));
    const double ratio = before / std::max(frobenius(x), 1e-10);
    for (size_t i = 0; i < p.values.size(); ++i) {
      const double z = x.values[i] * ratio;
      p.values[i] -= lr * z + (z * p.values[i] >= 0 ? lr * decay * p.values[i] : 0);
    }
  }
};

}  // namespace lathe::ref
