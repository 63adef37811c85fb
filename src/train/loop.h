// The one training loop: base, mid, SFT, DPO and RL are an objective (train/objective.h) and a few defaults on top of it.
// It trains, logs, validates, samples and saves in the order of rows C-5.14 to C-5.24, resumes exactly, and stops at a
// loss that is not finite. It prints nothing itself: lines go to `print`.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "core/clock.h"
#include "dist/communicator.h"
#include "optim/ema.h"
#include "optim/optimizer.h"
#include "train/checkpoint.h"
#include "train/layer_norms.h"
#include "train/objective.h"
#include "train/performance.h"
#include "train/spike.h"

namespace lathe::train {

struct LoopSettings {
  std::string stage = "base";
  int64_t num_iterations = 0;      // N optimizer steps; < 0: until the objective's data end
  double grad_clip = 0;            // global norm; 0 = none (row C-4.21)
  int64_t eval_every = -1;         // -1: never (rows C-5.15)
  bool eval_at_end = false;        // at the end even so (row C-8.15)
  std::string validation = "bpb";  // what the validation hook measures; lower is better
  int64_t measure_every = -1;      // -1: never, not even at the end (row C-5.16)
  int64_t sample_every = -1;
  int64_t save_every = -1;         // -1: only at the end
  bool save_with_eval = false;     // at every evaluation too (row L-11.77)
  int64_t log_every = 1;           // metrics; row C-5.24 says 100
  int64_t resume_from_step = -1;
  int64_t ema_update_every = 1;    // with an average of the weights: updated after steps of index ema_start_step,
  int64_t ema_start_step = 0;      // ema_start_step + ema_update_every, ...; the first time is a copy (row L-11.52)
  double flops_per_token = 0;
  double peak_flops = 0;           // of row C-5.23: products per second; 0 = unknown: the mfu column is 0
  ops::Profiler* profiler = nullptr;  // measures profile_steps steps after the first profile_from of this process
  int64_t profile_from = 5, profile_steps = 10;
  // A rewind goes back to the last checkpoint before the spike: weights, optimizer, average, counters; the data go on after the step
  // that made the spike certain. At most max_rewinds in the life of a run; a loss that is not finite ends it otherwise.
  OnSpike on_spike = OnSpike::kOff;
  SpikeRule spike_rule;
  int64_t max_rewinds = 3;
  uint64_t seed = 42;
  bool save = true;                // false: dry run
};

// A checkpoint is durable and its metadata complete.
struct Saved {
  int64_t step = 0;
  bool best = false;  // its validation is the lowest so far
  bool last = false;  // the run ends with it
  int64_t best_step = -1;  // the step whose validation is the lowest so far
};

// The step done last.
struct StepFigures {
  int64_t step = 0;  // index
  double loss = 0, multiplier = 0, seconds = 0;  // the smoothed loss; of the learning rates
  int64_t tokens = 0;
};

struct LoopHooks {
  // Sets lr, momentum and decay of the optimizer's groups; progress is -1 or the source's share. Returns the multiplier.
  std::function<double(optim::Optimizer&, int64_t step, double progress)> schedule;
  std::function<Result<double>(int64_t step)> validate;   // settings.validation
  std::function<Result<Json>(int64_t step)> measure;       // more figures for the metrics (CORE); null: none this time
  std::function<Status(int64_t step)> sample;
  std::function<Status(const Saved&)> saved;               // may remove older checkpoints (trap R10)
  std::function<Status(int64_t step, const Json& values)> log;  // metrics (row C-5.24)
  std::function<void(int64_t step, Json& values)> figures;      // adds to the metrics of a logged step ("mixture/code")
  std::function<Status(int64_t step)> rewound;                  // the run is at `step` again; before anything is logged for it
  std::function<void(int64_t step)> before_step;                // nobody writes to the weights meanwhile
  std::function<void(const StepFigures&)> after_step;           // every step, logged or not
  std::function<void(const std::string& line)> print;
};

struct LoopState {
  int64_t step = 0;
  int64_t tokens = 0;  // trained on by all ranks
  std::optional<double> val_bpb, min_val_bpb;  // settings.validation, whatever it measures
  int64_t best_step = -1;                       // of min_val_bpb
  double window_loss = 0;      // sum of losses times valid targets since the last logged step,
  int64_t window_targets = 0;  // and those targets (row L-5.56)
  double smooth_loss = 0, total_training_time = 0;  // seconds of steps with index > 10 (row C-5.22)
  Json rewinds = Json::array();  // {"from", "to", "first_step", "loss"}: what stood at step `from` was given up for step `to`
  // Steps of the last checkpoints that the settings asked for, ascending: others in the folder may be another run's, and one that a
  // signal asked for must not change what a rewind does. Recorded with rewinds only.
  std::vector<int64_t> saved;
  Json to_json() const;
  void from_json(const Json& json);
};

struct LoopResult {
  LoopState state;
  std::string validation;      // what state.val_bpb measures: settings.validation
  bool interrupted = false;    // a signal: the step was finished and saved
  double last_loss = 0;        // mean over the step's valid targets
  double smooth_loss = 0;      // debiased
  double tokens_per_second = 0;  // of the median step
  double step_ms_p50 = 0;
  int64_t arena_bytes = 0;
  Performance performance;
};

// What a loop works on. The referenced objects outlive it.
struct LoopParts {
  Objective& objective;
  optim::Optimizer& optimizer;
  Weights& weights;
  dist::Communicator& world;
  CheckpointMeta meta;          // what checkpoints record of the run: model config, settings, tokenizer hash
  fs::path run;                 // their folder
  optim::Ema* ema = nullptr;    // swapped in for validation and samples once it has begun
};

class Loop {
 public:
  Loop(LoopSettings settings, LoopHooks hooks, LoopParts parts, const Clock& clock = Clock::real());

  // Reads the checkpoint of settings.resume_from_step: weights, optimizer, average, data position, loop state.
  Status resume();
  // stop(): asked before every step (a signal); the step under way is finished and saved. May be empty.
  Result<LoopResult> run(const std::function<bool()>& stop);

  // One step without logging or saving, for tests and measurements. Its loss is the mean over the objective's updates.
  Result<StepOutcome> train_step();
  LoopState& state() { return state_; }
  ops::Context& context() { return ctx_; }
  // Memory of one pass, measured on the meta device and reserved before the first step.
  Status reserve_memory();

 private:
  Status save();
  Status load(int64_t step);  // all of a checkpoint but the position in the data
  Status on_spike(const Spike& spike);
  Status rewind(const Spike& spike, int64_t to);
  // The newest checkpoint that a rewind may go back to; -1: there is none.
  int64_t rewind_target(const Spike& spike) const;
  bool may_rewind() const { return settings_.on_spike == OnSpike::kRewind && static_cast<int64_t>(state_.rewinds.size()) < settings_.max_rewinds; }
  Json loop_state() const;
  Result<double> loss_of_all_ranks(double loss) const;
  Status validate_and_sample(bool last);
  Status validate();
  Status measure();
  Status sample();
  void print(const std::string& line) const {
    if (hooks_.print) hooks_.print(line);
  }
  Status log_metrics(int64_t step, Json values) const;
  Status log_step(int64_t step, double debiased, double seconds, const StepOutcome& outcome);
  Status log_performance();
  void warn_of_waiting();
  bool profiles(int64_t steps_done) const;
  bool logs(int64_t index) const { return settings_.log_every > 0 && index % settings_.log_every == 0; }
  bool averaged() const { return parts_.ema != nullptr && parts_.ema->started(); }
  double mfu_percent(double seconds) const;
  std::string step_line(double loss, double seconds, const StepOutcome& outcome) const;
  Error not_finite(const char* what) const;

  LoopSettings settings_;
  LoopHooks hooks_;
  LoopParts parts_;
  const Clock& clock_;
  ops::Context ctx_;
  autograd::Tape tape_;
  LoopState state_;
  bool reserved_ = false;
  double multiplier_ = 1;
  StageProgress progress_;
  Performance performance_;
  bool warned_of_waiting_ = false;
  double logged_at_ = 0, cpu_seconds_at_ = 0;  // when the last line of metrics was written
  GradientNorms gradient_norms_;               // of the step done last, before clipping; 0: not asked for
  SpikeDetector spikes_;
  int64_t loaded_step_ = -1;                   // whose checkpoint is the present state: it is not saved again
  int64_t step_tokens_;                        // of all ranks, of the step done last; before the first: of a full one
};

}  // namespace lathe::train
