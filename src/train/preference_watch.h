// What can go wrong in a preference run without any error: a rate so small that nothing moves (row L-9.12,
// contradiction C15), and a margin that grows while both answers become unlikely (row L-9.14).
#pragma once

#include <string>
#include <vector>

#include "core/json.h"
#include "core/result.h"

namespace lathe::train {

class PreferenceWatch {
 public:
  static constexpr int64_t kWindow = 25;     // steps a mean is taken over
  static constexpr double kNoMargin = 1e-3;  // mean |margin| below this after kPatience steps: the model does not move
  static constexpr int64_t kPatience = 100;
  static constexpr int64_t kFalling = 3;  // windows in a row of which each is lower than the one before
  static constexpr double kFallen = 1.0;  // nats that the log-probability fell in them, at least

  // After each step, from 0: means over its pairs of |margin| and of log p - log p_ref of the chosen answer. Returns
  // warnings, each given once.
  std::vector<std::string> observe(int64_t step, double absolute_margin, double chosen_ratio);
  Json state() const;
  Status restore(const Json& state);

 private:
  double margin_ = 0, ratio_ = 0;         // sums of the window under way
  int64_t steps_ = 0;                     // of it
  std::vector<double> means_;             // of the chosen ratio, the last kFalling + 1 windows
  bool still_ = false, falling_ = false;  // said
};

}  // namespace lathe::train
