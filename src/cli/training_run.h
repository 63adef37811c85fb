// The course that all training verbs share: the machine's limits are measured, the loop resumes or starts, metrics are opened,
// signals end it between two steps, the last lines and the performance are printed. A verb brings settings, hooks, an objective
// (train/objective.h) and what it trains.
#pragma once

#include <memory>

#include "cli/run_measure.h"
#include "cli/verb.h"
#include "tokenizer/tokenizer.h"
#include "train/loop.h"

namespace lathe::serve {
class Dashboard;
}
namespace lathe::train {
class Metrics;
}

namespace lathe::cli {

// References outlive the run.
struct TrainingParts {
  const char* module;                     // who speaks in the log
  train::LoopSettings settings;           // stage, intervals, horizon; the peak and the profiler are filled in
  train::LoopHooks hooks;                 // a print of its own is kept; log is told after the metrics
  model::Transformer& model;              // what is trained, or its frozen base
  const tokenizer::Tokenizer& tokenizer;
  optim::Optimizer& optimizer;
  train::Objective& objective;
  train::Weights& weights;
  dist::Communicator& world;
  Json user_config;                       // all settings, for checkpoints and metrics (row C-6.4)
  fs::path run;                           // folder of checkpoints and metrics; the verb holds its FolderLock
  optim::Ema* ema = nullptr;
  int digits = 6;                         // of the best validation in the last lines; 0: not told there
  std::vector<fs::path> made_from = {};  // data and weights, for the checkpoints' manifests; the tokenizer is found here
  std::vector<fs::path> beside = {};     // what else was read: validation, word lists, descriptions
  const char* go_on = "go on with --resume";  // after a signal
  bool new_phase = false;                 // settings may differ from the checkpoint's: no warnings of them
};

class TrainingRun {
 public:
  TrainingRun();
  ~TrainingRun();
  // Flags that every training verb has (--on-spike, --dashboard, --profile ...). retention: --keep too; false for a verb that has
  // a rule of its own in the hook after a save.
  void describe(SettingsTable& table, bool retention = true);
  Status check() const;
  // For the verb's sampling hook: prints the lines, and keeps them in metrics and dashboard.
  Status show_samples(Context& context, int64_t step, const std::vector<std::string>& lines);
  // Trains. An interrupted run is a result too (`interrupted`).
  Result<train::LoopResult> go(Context& context, TrainingParts parts);
  // More figures of a step for the metrics, from the verb's own hooks.
  Status log(int64_t step, const Json& values);

 private:
  // What of the run goes to the page; null without --dashboard.
  Result<std::unique_ptr<serve::Dashboard>> open_dashboard(Context& context, const TrainingParts& parts) const;

  RunMeasure measure_;
  int64_t keep_ = 0;
  std::string on_spike_ = "warn";
  int64_t max_rewinds_ = 3, dashboard_port_ = -1;
  std::unique_ptr<train::Metrics> metrics_;       // while go() runs
  std::unique_ptr<serve::Dashboard> dashboard_;
};

// The end of a training verb: the figures every run has and those of the verb, with the exit status.
Exit finish_training(Context& context, const train::LoopResult& result, Json figures);

}  // namespace lathe::cli
