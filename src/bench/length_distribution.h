// Lengths of prompts and answers in a load: "fixed:N", "uniform:A:B" (both ends included), "lognormal:MEAN:SIGMA" (mean of the
// lengths themselves, standard deviation of their logarithm).
#pragma once

#include <cstdint>
#include <string>

#include "core/result.h"
#include "core/rng.h"

namespace lathe::bench {

class LengthDistribution {
 public:
  static Result<LengthDistribution> parse(const std::string& text);
  static LengthDistribution fixed(int64_t length) { return {Kind::kFixed, static_cast<double>(length), 0}; }
  int64_t draw(Rng& rng) const;  // from 1 to kLongest
  static constexpr int64_t kLongest = 1 << 20;

 private:
  enum class Kind { kFixed, kUniform, kLogNormal };
  LengthDistribution(Kind kind, double first, double second) : kind_(kind), first_(first), second_(second) {}
  Kind kind_;
  double first_, second_;
};

}  // namespace lathe::bench
