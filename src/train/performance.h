// What a run did with its time (rows L-13.11 to L-13.13): a part of every step's seconds goes to each phase; validation, samples
// and saving stand apart and are in no rate.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/json.h"
#include "ops/profiler.h"

namespace lathe::train {

// Seconds of this process, by what they went to.
struct TimeSplit {
  double data = 0, forward = 0, head = 0, backward = 0, optimizer = 0;  // of the steps; head: logits, loss and their gradient
  double evaluation = 0, sampling = 0, saving = 0;
};

// Of this process alone: a resumed run starts anew.
struct Performance {
  int64_t steps = 0;
  std::vector<double> step_tokens;         // trained tokens of the global batch; a curriculum's steps differ
  std::vector<double> step_seconds;        // wall time of every step
  TimeSplit split;
  double first_step_waiting = 0;           // for data, of the first step: the loader starts then
  double flops_per_token = 0, product_flops = 0;  // the model's; products per second measured in this process, 0: unknown

  double training_seconds() const;         // all steps
  double trained_tokens() const;           // all steps
  double step_seconds_median() const;
  double tokens_per_second() const;        // all trained tokens over training_seconds()
  // Of the steps' rates, q = 0.5: the median. The 90 % quantile is a fast step.
  double tokens_per_second_quantile(double q) const;
  double mfu() const;                      // of the median rate; 0: unknown
  // Waiting for data over the time of the steps, without the first step; 0 before there is a second.
  double waiting_share() const;

  Json to_json() const;
  // The lines at the end of a run.
  std::vector<std::string> to_lines() const;
};

// A waiting share above this is worth a warning (row L-13.13).
inline constexpr double kWaitingLimit = 0.05;

// The scope of one part of a step: adds its seconds to `seconds`, and to the profile where there is one.
class TimedPart {
 public:
  TimedPart(const Clock& clock, double& seconds, const ops::Context& ctx, const char* name)
      : clock_(clock), seconds_(seconds), phase_(ctx, name), start_(clock.seconds()) {}
  ~TimedPart() { seconds_ += clock_.seconds() - start_; }
  TimedPart(const TimedPart&) = delete;
  TimedPart& operator=(const TimedPart&) = delete;

 private:
  const Clock& clock_;
  double& seconds_;
  ops::TimedPhase phase_;
  double start_;
};

}  // namespace lathe::train
