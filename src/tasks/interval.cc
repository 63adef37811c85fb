#include "tasks/interval.h"

#include <algorithm>
#include <cmath>

#include "core/check.h"

namespace lathe::tasks {

Interval wilson_interval(int64_t successes, int64_t n) {
  require(n >= 0 && successes >= 0 && successes <= n, "[wilson_interval] ", successes, " of ", n);
  if (n == 0) return {};
  constexpr double kZ = 1.959963984540054;  // 97.5 % point of the normal distribution
  const double count = static_cast<double>(n), p = static_cast<double>(successes) / count;
  const double scale = 1 / (1 + kZ * kZ / count);
  const double center = (p + kZ * kZ / (2 * count)) * scale;
  const double half = kZ * scale * std::sqrt(p * (1 - p) / count + kZ * kZ / (4 * count * count));
  // Exactly, not but for rounding: whoever asks whether a chance of nothing lies inside gets the right answer.
  return {successes == 0 ? 0.0 : std::max(0.0, center - half), successes == n ? 1.0 : std::min(1.0, center + half)};
}

}  // namespace lathe::tasks
