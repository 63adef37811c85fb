// Loss spikes: steps whose loss stands far above that of the steps before. The normal range is the median of a window of losses and
// the median absolute deviation from it (the "modified z-score" of Iglewicz and Hoaglin 1993, "How to detect and handle outliers"),
// which a few outliers do not move. A spike is several such steps in a row: one odd batch is none. What to do about one follows
// Chowdhery et al. 2022 (arXiv:2204.02311, section 5.1): back to a checkpoint before it, without the data that led to it.
#pragma once

#include <deque>
#include <optional>
#include <string_view>
#include <vector>

#include "core/json.h"
#include "core/result.h"

namespace lathe::train {

enum class OnSpike { kOff, kWarn, kRewind };
std::vector<std::string> on_spike_names();  // off, warn, rewind
OnSpike on_spike_of(std::string_view name);  // one of these names

struct SpikeRule {
  int64_t window = 100;     // losses that the normal range is taken from
  int64_t min_steps = 30;   // no verdict before it has so many
  double deviations = 6;    // above the median; 1.4826 * MAD is one standard deviation of normal noise
  double least_rise = 0.1;  // and at least this part of the median above it, however calm the curve is
  int64_t in_a_row = 3;     // steps; a loss that is not finite is a spike at once
};

struct Spike {
  int64_t first_step = 0;   // whose loss was the first above the limit
  int64_t step = 0;         // at which it was certain
  double loss = 0;          // of `step`
  double median = 0, limit = 0;
};

// Pure: the verdicts follow from the rule and the losses seen. One thread. Costs microseconds a step.
class SpikeDetector {
 public:
  explicit SpikeDetector(SpikeRule rule = {}) : rule_(rule) {}

  // The loss of one step. A spike is reported once, at the step that makes it certain. Losses above the limit do not enter the window;
  // when they last for min_steps they are the new normal (data of another kind), and the window starts again with them.
  std::optional<Spike> observe(int64_t step, double loss);
  // The losses and the count of the spike under way, for exact resume. from_json: an error leaves the detector as it was.
  Json to_json() const;
  Status from_json(const Json& json, const std::string& path);

 private:
  SpikeRule rule_;
  std::deque<double> losses_;
  std::vector<double> above_;  // losses of the steps above the limit, in a row
  int64_t first_step_ = -1;    // of above_
};

}  // namespace lathe::train
