#include "eval/least_squares.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/check.h"

namespace lathe::eval {
namespace {

using Matrix = std::vector<std::vector<double>>;

// Gauss elimination with pivots; nothing when the matrix is singular to working precision.
std::optional<std::vector<double>> solve(Matrix m, std::vector<double> y) {
  const size_t n = y.size();
  double scale = 0;
  for (const auto& row : m)
    for (const double v : row) scale = std::max(scale, std::abs(v));
  for (size_t i = 0; i < n; ++i) {
    size_t pivot = i;
    for (size_t r = i + 1; r < n; ++r)
      if (std::abs(m[r][i]) > std::abs(m[pivot][i])) pivot = r;
    if (!(std::abs(m[pivot][i]) > 1e-13 * scale)) return std::nullopt;
    std::swap(m[i], m[pivot]);
    std::swap(y[i], y[pivot]);
    for (size_t r = i + 1; r < n; ++r) {
      const double factor = m[r][i] / m[i][i];
      for (size_t c = i; c < n; ++c) m[r][c] -= factor * m[i][c];
      y[r] -= factor * y[i];
    }
  }
  for (size_t i = n; i-- > 0;) {
    for (size_t c = i + 1; c < n; ++c) y[i] -= m[i][c] * y[c];
    y[i] /= m[i][i];
  }
  return y;
}

}  // namespace

std::optional<std::vector<double>> fit_polynomial(const std::vector<double>& x, const std::vector<double>& y, int degree) {
  require(degree == 1 || degree == 2, "[fit] degree ", degree);
  require(x.size() == y.size(), "[fit] ", x.size(), " and ", y.size(), " values");
  const size_t n = static_cast<size_t>(degree) + 1;
  std::vector<double> distinct = x;
  std::sort(distinct.begin(), distinct.end());
  distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
  if (distinct.size() < n) return std::nullopt;
  const double middle = (distinct.front() + distinct.back()) / 2, half = (distinct.back() - distinct.front()) / 2;
  Matrix m(n, std::vector<double>(n, 0));
  std::vector<double> right(n, 0);
  for (size_t i = 0; i < x.size(); ++i) {
    const double u = (x[i] - middle) / half;
    const double powers[] = {1, u, u * u};
    for (size_t r = 0; r < n; ++r) {
      right[r] += powers[r] * y[i];
      for (size_t c = 0; c < n; ++c) m[r][c] += powers[r] * powers[c];
    }
  }
  std::optional<std::vector<double>> c = solve(std::move(m), std::move(right));
  if (!c) return std::nullopt;
  // Back from u to x.
  std::vector<double> out = *c;
  out[1] = (*c)[1] / half;
  out[0] = (*c)[0] - (*c)[1] * middle / half;
  if (degree == 2) {
    out[2] = (*c)[2] / (half * half);
    out[1] -= 2 * middle * out[2];
    out[0] += middle * middle * out[2];
  }
  return out;
}

std::array<double, 3> fit_non_negative(const std::vector<std::array<double, 3>>& rows, const std::vector<double>& y) {
  require(rows.size() == y.size(), "[fit] ", rows.size(), " rows, ", y.size(), " values");
  std::array<double, 3> best{};
  double least = std::numeric_limits<double>::infinity();
  for (unsigned set = 1; set < 8; ++set) {
    std::vector<size_t> used;
    for (size_t k = 0; k < 3; ++k)
      if ((set >> k) & 1U) used.push_back(k);
    Matrix m(used.size(), std::vector<double>(used.size(), 0));
    std::vector<double> right(used.size(), 0);
    for (size_t i = 0; i < rows.size(); ++i)
      for (size_t r = 0; r < used.size(); ++r) {
        right[r] += rows[i][used[r]] * y[i];
        for (size_t c = 0; c < used.size(); ++c) m[r][c] += rows[i][used[r]] * rows[i][used[c]];
      }
    const auto solved = solve(std::move(m), std::move(right));
    if (!solved || std::any_of(solved->begin(), solved->end(), [](double v) { return !(v >= 0); })) continue;
    std::array<double, 3> c{};
    for (size_t r = 0; r < used.size(); ++r) c[used[r]] = (*solved)[r];
    double sum = 0;
    for (size_t i = 0; i < rows.size(); ++i) {
      const double d = c[0] * rows[i][0] + c[1] * rows[i][1] + c[2] * rows[i][2] - y[i];
      sum += d * d;
    }
    if (sum < least) {
      least = sum;
      best = c;
    }
  }
  return best;
}

}  // namespace lathe::eval
