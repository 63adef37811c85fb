#include "eval/minimise.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/check.h"

namespace lathe::eval {
namespace {

using Vector = std::vector<double>;

double dot(const Vector& a, const Vector& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

struct Place {
  Vector x, gradient;
  double value = 0;
};

// The inverse Hessian, row by row.
class InverseHessian {
 public:
  explicit InverseHessian(size_t n) : n_(n) { reset(); }

  void reset() {
    h_.assign(n_ * n_, 0);
    for (size_t i = 0; i < n_; ++i) h_[i * n_ + i] = 1;
    fresh_ = true;
  }
  bool fresh() const { return fresh_; }

  Vector times(const Vector& v) const {
    Vector out(n_, 0);
    for (size_t i = 0; i < n_; ++i)
      for (size_t j = 0; j < n_; ++j) out[i] += h_[i * n_ + j] * v[j];
    return out;
  }

  // s: the step taken, y: the change of the gradient.
  void update(const Vector& s, const Vector& y) {
    const double sy = dot(s, y);
    if (!(sy > 1e-12 * std::sqrt(dot(s, s) * dot(y, y)))) return;
    if (fresh_)  // the scale of the first step is that of the function
      for (size_t i = 0; i < n_; ++i) h_[i * n_ + i] = sy / dot(y, y);
    fresh_ = false;
    const Vector hy = times(y);
    const double factor = (1 + dot(y, hy) / sy) / sy;
    for (size_t i = 0; i < n_; ++i)
      for (size_t j = 0; j < n_; ++j) h_[i * n_ + j] += factor * s[i] * s[j] - (hy[i] * s[j] + s[i] * hy[j]) / sy;
  }

 private:
  size_t n_;
  Vector h_;
  bool fresh_ = true;
};

Place at(const Objective& objective, Vector x) {
  Place place;
  place.gradient.assign(x.size(), 0);
  place.value = objective(x, place.gradient);
  place.x = std::move(x);
  return place;
}

// The next place along `direction`; where no step lowers the value, `from` itself.
Place search(const Objective& objective, const Place& from, const Vector& direction) {
  constexpr double kDecrease = 1e-4, kCurvature = 0.9;
  const double slope = dot(from.gradient, direction);
  double low = 0, high = std::numeric_limits<double>::infinity(), step = 1;
  Place best = from;
  for (int i = 0; i < 60; ++i) {
    Vector x = from.x;
    for (size_t k = 0; k < x.size(); ++k) x[k] += step * direction[k];
    Place next = at(objective, std::move(x));
    if (!(next.value <= from.value + kDecrease * step * slope)) {  // NaN counts as too far
      high = step;
    } else {
      const bool flat = dot(next.gradient, direction) >= kCurvature * slope;
      if (next.value <= best.value) best = std::move(next);
      if (flat) break;
      low = step;
    }
    step = std::isinf(high) ? 2 * low : (low + high) / 2;
  }
  return best;
}

}  // namespace

Minimum minimise(const Objective& objective, std::vector<double> start, const MinimiseOptions& options) {
  Place place = at(objective, std::move(start));
  require(std::isfinite(place.value), "[minimise] the function is not finite at the start");
  const size_t n = place.x.size();
  InverseHessian inverse(n);
  Minimum result;
  int stalled = 0;
  while (!result.converged && result.iterations < options.iterations) {
    double largest = 0;
    for (const double g : place.gradient) largest = std::max(largest, std::abs(g));
    if (largest <= options.gradient_tolerance * std::max(1.0, std::abs(place.value))) {
      result.converged = true;
      break;
    }
    ++result.iterations;
    Vector direction = inverse.times(place.gradient);
    for (double& d : direction) d = -d;
    if (!(dot(direction, place.gradient) < 0)) {
      inverse.reset();
      for (size_t i = 0; i < n; ++i) direction[i] = -place.gradient[i];
    }
    Place next = search(objective, place, direction);
    const double fall = place.value - next.value;
    // One more try from scratch before the value counts as the smallest.
    stalled = fall <= 1e-15 * std::abs(place.value) ? stalled + 1 : 0;
    if (stalled > 0 && inverse.fresh()) result.converged = true;
    if (stalled > 2) result.converged = true;
    if (stalled > 0) {
      inverse.reset();
    } else {
      Vector s(n), y(n);
      for (size_t i = 0; i < n; ++i) {
        s[i] = next.x[i] - place.x[i];
        y[i] = next.gradient[i] - place.gradient[i];
      }
      inverse.update(s, y);
    }
    place = std::move(next);
  }
  result.x = std::move(place.x);
  result.value = place.value;
  return result;
}

}  // namespace lathe::eval
