#include "bench/statistics.h"

#include <algorithm>

namespace lathe::bench {

Quantiles quantiles_of(std::vector<double> values) {
  if (values.empty()) return {};
  std::sort(values.begin(), values.end());
  const auto at = [&](double share) { return values[std::min(values.size() - 1, static_cast<size_t>(share * static_cast<double>(values.size())))]; };
  return {static_cast<int64_t>(values.size()), at(0.5), at(0.9), at(0.99), values.back()};
}

double median(std::vector<double> values) { return quantiles_of(std::move(values)).p50; }

Json to_json(const Quantiles& quantiles) {
  Json out = Json::object();
  out["count"] = quantiles.count;
  out["p50_ms"] = quantiles.p50 * 1000;
  out["p90_ms"] = quantiles.p90 * 1000;
  out["p99_ms"] = quantiles.p99 * 1000;
  out["max_ms"] = quantiles.most * 1000;
  return out;
}

}  // namespace lathe::bench
