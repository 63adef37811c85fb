// Confidence interval of a share.
#pragma once

#include <cstdint>

namespace lathe::tasks {

struct Interval {
  double low = 0;
  double high = 1;
};

// Wilson's score interval at 95 % for `successes` of `n` (E. B. Wilson 1927); [0, 1] for n = 0.
Interval wilson_interval(int64_t successes, int64_t n);

}  // namespace lathe::tasks
