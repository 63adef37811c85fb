#include "tensor/block_search.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace lathe {
namespace {

constexpr float kMost = 15;           // of four bits
constexpr int kCandidates = 20;       // scales tried: (kMost - 1 + 0.1 * i) steps over the range
constexpr float kNothing = 1e-15f;    // magnitudes below this are taken as zero

// The nearest whole number, ties to even, within [low, high]; what is no number is `low`. Adding 1.5 * 2^23 leaves a small value
// rounded in the lowest bits: no call into the library for each of the hundreds of values of a block.
float rounded(float value, float low, float high) {
  constexpr float kShift = 12582912.0f;
  const float bounded = value > low ? (value < high ? value : high) : low;
  return (bounded + kShift) - kShift;
}

// Sums of a weighted fit of x by step * code + intercept.
struct Fit {
  float code = 0, code2 = 0, value = 0, both = 0;
};

}  // namespace

StepAndOffset search_step_and_offset(const float* x) {
  constexpr int n = 32;
  float squares = 0, low = x[0], high = x[0];
  for (int i = 0; i < n; ++i) {
    squares += x[i] * x[i];
    low = std::min(low, x[i]);
    high = std::max(high, x[i]);
  }
  low = std::min(low, 0.0f);  // the offset is never negative
  if (!(high > low) || !std::isfinite(high - low) || !std::isfinite(squares)) {
    if (std::isfinite(low)) return {0, -low};
    return {};
  }
  const float spread = std::sqrt(squares / n);
  std::array<float, n> weights;
  float all_weights = 0;
  for (size_t i = 0; i < n; ++i) all_weights += weights[i] = spread + std::abs(x[i]);

  std::array<float, n> codes;
  const auto choose_codes = [&](float per_step, float shift) {
    for (size_t i = 0; i < n; ++i) codes[i] = rounded(per_step * (x[i] - shift), 0, kMost);
  };
  const auto error_of = [&](float step, float least) {
    float sum = 0;
    for (size_t i = 0; i < n; ++i) {
      const float difference = step * codes[i] + least - x[i];
      sum += weights[i] * difference * difference;
    }
    return sum;
  };
  float best_step = (high - low) / kMost, best_low = low;
  choose_codes(kMost / (high - low), low);
  float best_error = error_of(best_step, best_low);
  for (int candidate = 0; candidate <= kCandidates; ++candidate) {
    const float per_step = (kMost - 1 + 0.1f * static_cast<float>(candidate)) / (high - low);
    choose_codes(per_step, best_low);
    Fit fit;
    for (size_t i = 0; i < n; ++i) {
      fit.code += weights[i] * codes[i];
      fit.code2 += weights[i] * codes[i] * codes[i];
      fit.value += weights[i] * x[i];
      fit.both += weights[i] * codes[i] * x[i];
    }
    const float determinant = all_weights * fit.code2 - fit.code * fit.code;
    if (!(determinant > 0)) continue;
    float step = (all_weights * fit.both - fit.value * fit.code) / determinant;
    float least = (fit.code2 * fit.value - fit.code * fit.both) / determinant;
    if (least > 0) {
      least = 0;
      step = fit.both / fit.code2;
    }
    const float error = error_of(step, least);
    if (!(error < best_error)) continue;
    best_error = error;
    best_step = step;
    best_low = least;
  }
  return {best_step, -best_low};
}

float search_step(const float* x) {
  constexpr int n = 16;
  constexpr float kLevels = 32;
  float extreme = 0;
  for (int i = 0; i < n; ++i)
    if (std::abs(x[i]) > std::abs(extreme)) extreme = x[i];
  if (!(std::abs(extreme) >= kNothing) || !std::isfinite(extreme)) return 0;
  // For fixed codes the best step is both / code2 and explains both^2 / code2 of the weighted squares.
  float best_step = 0, best_explained = -1;
  for (int candidate = 0; candidate < 19; ++candidate) {
    // The obvious scale first: it wins ties.
    const int shift = candidate == 0 ? 0 : candidate <= 9 ? candidate - 10 : candidate - 9;
    const float per_step = -(kLevels + 0.1f * static_cast<float>(shift)) / extreme;
    float both = 0, code2 = 0;
    for (int i = 0; i < n; ++i) {
      const float code = rounded(per_step * x[i], -kLevels, kLevels - 1);
      const float weight = x[i] * x[i];
      both += weight * x[i] * code;
      code2 += weight * code * code;
    }
    if (!(code2 > 0)) continue;
    const float explained = both * (both / code2);
    if (!(explained > best_explained)) continue;
    best_explained = explained;
    best_step = both / code2;
  }
  return best_step;
}

}  // namespace lathe
