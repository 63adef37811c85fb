// Curriculum of sequence lengths: short sequences first (rows L-11.56 to L-11.61). A function of the step alone, so a
// resumed run needs no state for it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/result.h"

namespace lathe::data {

struct Curriculum {
  int64_t start = 32;    // first length
  int64_t full = 128;    // block size
  int64_t steps = 2000;  // from `start` to `full`
  int64_t multiple = 8;  // lengths on the way are rounded down to it, never below `start`

  // start > full, or a number below 1: an error that names the flag.
  Status check() const;
  // start + (full - start) * min(1, step / steps), rounded; exactly `full` from `steps` on (row L-11.59).
  int64_t length(int64_t step) const;
  // Of steps 0 .. max_steps - 1.
  int64_t longest(int64_t max_steps) const { return length(max_steps - 1); }
  // What a run of max_steps should say at its start: the longest length it will train; second, where the ramp takes
  // more than half of the run, a warning (row L-11.60).
  std::vector<std::string> notes(int64_t max_steps) const;
};

}  // namespace lathe::data
