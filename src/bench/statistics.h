// Figures of repeated measurements.
#pragma once

#include <cstdint>
#include <vector>

#include "core/json.h"

namespace lathe::bench {

double median(std::vector<double> values);  // values must not be empty

// Of the sorted values the one at share x count, no interpolation; zeros where there is none.
struct Quantiles {
  int64_t count = 0;
  double p50 = 0, p90 = 0, p99 = 0, most = 0;
};
Quantiles quantiles_of(std::vector<double> values);
Json to_json(const Quantiles& quantiles);  // seconds become milliseconds

}  // namespace lathe::bench
