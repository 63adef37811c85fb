// The one training loop: base, mid, SFT and later stages are a data source, a loss and a few defaults on top of it.
// It trains, logs, validates, samples and saves in the order of rows C-5.14 to C-5.24, resumes exactly, and stops at a
// loss that is not finite. It prints nothing itself: lines go to `print`.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "core/clock.h"
#include "data/token_loader.h"
#include "dist/communicator.h"
#include "model/transformer.h"
#include "optim/optimizer.h"
#include "train/checkpoint.h"
#include "train/performance.h"

namespace lathe::train {

enum class LossNormalisation {
  kGlobal,      // sum over all valid targets of the optimizer step / their count (trap L2)
  kMicroBatch,  // the reference: mean per micro batch, averaged (rows C-5.18, C-8.30)
};

struct LoopSettings {
  std::string stage = "base";
  int64_t num_iterations = 0;      // N optimizer steps; < 0: until the source ends
  int64_t batch = 1;               // B rows of a micro batch
  int64_t sequence_len = 1;        // T
  int64_t accumulation = 1;        // micro batches of an optimizer step
  LossNormalisation normalisation = LossNormalisation::kGlobal;
  double grad_clip = 0;            // global norm; 0 = none (row C-4.21)
  int64_t eval_every = -1;         // -1: never (rows C-5.15)
  bool eval_at_end = false;        // at the end even so (row C-8.15)
  int64_t sample_every = -1;
  int64_t save_every = -1;         // -1: only at the end
  bool save_with_eval = false;     // at every evaluation too (row L-11.77)
  int64_t log_every = 1;           // metrics; row C-5.24 says 100
  int64_t resume_from_step = -1;
  double flops_per_token = 0;
  double peak_flops = 0;           // of row C-5.23: products per second; 0 = unknown: the mfu column is 0
  ops::Profiler* profiler = nullptr;  // measures profile_steps steps after the first profile_from of this process
  int64_t profile_from = 5, profile_steps = 10;
  uint64_t seed = 42;
  bool save = true;                // false: dry run
};

// What a stage trains on. The loader outlives the loop.
struct StageProgress {
  double share = -1;      // of the data that has been used, for stages that end with it; -1: endless
  int64_t epoch = 1;
  bool ended = false;     // the batch handed out last was the last one
};
struct StageData {
  data::TokenLoader* loader = nullptr;
  std::function<StageProgress()> progress;
  data::ResumeMode resume_mode = data::ResumeMode::kExact;
};

struct LoopHooks {
  // Sets lr, momentum and decay of the optimizer's groups; progress is -1 or the source's share. Returns the multiplier.
  std::function<double(optim::Optimizer&, int64_t step, double progress)> schedule;
  std::function<Result<double>(int64_t step)> validate;   // bits per byte
  std::function<Status(int64_t step)> sample;
  std::function<Status(int64_t step, const Json& values)> log;  // metrics (row C-5.24)
  std::function<void(const std::string& line)> print;
};

struct LoopState {
  int64_t step = 0;
  int64_t tokens = 0;  // trained on by all ranks
  std::optional<double> val_bpb, min_val_bpb;
  double smooth_loss = 0, total_training_time = 0;  // seconds of steps with index > 10 (row C-5.22)
  Json to_json() const;
  void from_json(const Json& json);
};

struct LoopResult {
  LoopState state;
  bool interrupted = false;    // a signal: the step was finished and saved
  double last_loss = 0;        // mean over the step's valid targets
  double smooth_loss = 0;      // debiased
  double tokens_per_second = 0;  // of the median step
  double step_ms_p50 = 0;
  int64_t arena_bytes = 0;
  Performance performance;
};

class Loop {
 public:
  // All references outlive the loop. `meta` holds what checkpoints record of the run (settings, tokenizer hash).
  Loop(LoopSettings settings, LoopHooks hooks, model::Transformer& model, optim::Optimizer& optimizer, StageData data, dist::Communicator& world,
       CheckpointMeta meta, fs::path run_folder, const Clock& clock = Clock::real());

  // Reads the checkpoint of settings.resume_from_step: weights, optimizer, data position, loop state.
  Status resume();
  // stop(): asked before every step (a signal); the step under way is finished and saved. May be empty.
  Result<LoopResult> run(const std::function<bool()>& stop);

  // One optimizer step without logging or saving, for tests and measurements. Returns the mean loss.
  struct StepOutcome {
    double loss = 0;           // mean over all valid targets of the step
    double last_micro_loss = 0;
    int64_t valid_targets = 0;
  };
  Result<StepOutcome> train_step();
  LoopState& state() { return state_; }
  ops::Context& context() { return ctx_; }
  // Memory of one micro step, measured on the meta device and reserved before the first step.
  Status reserve_memory();

 private:
  Status save();
  Status validate_and_sample(bool last);
  void print(const std::string& line) const {
    if (hooks_.print) hooks_.print(line);
  }
  Status log_metrics(int64_t step, Json values) const;
  Status log_step(int64_t step, double debiased, double seconds);
  Status log_performance();
  void warn_of_waiting();
  bool profiles(int64_t steps_done) const;
  double mfu_percent(double seconds) const;
  double step_tokens() const;  // of all ranks, of the step done last
  std::string step_line(double loss, double multiplier, double seconds) const;
  Error not_finite(const char* what) const;

  LoopSettings settings_;
  LoopHooks hooks_;
  model::Transformer& model_;
  optim::Optimizer& optimizer_;
  StageData data_;
  dist::Communicator& world_;
  CheckpointMeta meta_;
  fs::path run_;
  const Clock& clock_;
  ops::Context ctx_;
  autograd::Tape tape_;
  LoopState state_;
  bool reserved_ = false;
  double multiplier_ = 1;
  std::vector<data::TokenBatch> batches_;  // the micro batches of the step under way
  StageProgress progress_;
  Performance performance_;
  bool warned_of_waiting_ = false;
  double logged_at_ = 0, cpu_seconds_at_ = 0;  // when the last line of metrics was written
  Tensor factor_;                       // (B*T) float32
  int64_t columns_ = 0;                 // T of the step done last; before the first: of the settings
};

}  // namespace lathe::train
