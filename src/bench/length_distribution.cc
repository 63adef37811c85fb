#include "bench/length_distribution.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <vector>

namespace lathe::bench {

Result<LengthDistribution> LengthDistribution::parse(const std::string& text) {
  const std::vector<std::string> parts = split_text(text, ':');
  std::vector<double> numbers;
  for (size_t i = 1; i < parts.size(); ++i) {
    char* end = nullptr;
    numbers.push_back(std::strtod(parts[i].c_str(), &end));
    if (parts[i].empty() || *end != '\0' || !std::isfinite(numbers.back())) return error("\"", text, "\": ", parts[i], " is not a number");
  }
  const auto is_length = [](double value) { return value >= 1 && value <= static_cast<double>(kLongest); };
  const std::string& name = parts[0];
  if (name == "fixed" && numbers.size() == 1 && is_length(numbers[0])) return LengthDistribution(Kind::kFixed, numbers[0], 0);
  if (name == "uniform" && numbers.size() == 2 && is_length(numbers[0]) && is_length(numbers[1]) && numbers[0] <= numbers[1])
    return LengthDistribution(Kind::kUniform, numbers[0], numbers[1]);
  if (name == "lognormal" && numbers.size() == 2 && is_length(numbers[0]) && numbers[1] >= 0 && numbers[1] <= 4)
    return LengthDistribution(Kind::kLogNormal, numbers[0], numbers[1]);
  return error("\"", text, "\" is no distribution of lengths: fixed:N, uniform:A:B or lognormal:MEAN:SIGMA, lengths from 1 to ", kLongest);
}

int64_t LengthDistribution::draw(Rng& rng) const {
  switch (kind_) {
    case Kind::kFixed: return static_cast<int64_t>(first_);
    case Kind::kUniform: return static_cast<int64_t>(first_) + static_cast<int64_t>(rng.below(static_cast<uint64_t>(second_ - first_) + 1));
    case Kind::kLogNormal: break;
  }
  const double length = first_ * std::exp(second_ * rng.normal() - second_ * second_ / 2);
  return std::clamp(static_cast<int64_t>(std::lround(std::min(length, 1e9))), int64_t{1}, kLongest);
}

}  // namespace lathe::bench
