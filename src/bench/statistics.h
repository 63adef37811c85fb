// Figures of repeated measurements.
#pragma once

#include <algorithm>
#include <vector>

namespace lathe::bench {

inline double median(std::vector<double> values) {  // values must not be empty
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

}  // namespace lathe::bench
