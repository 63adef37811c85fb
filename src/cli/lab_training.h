// What the lab's training verbs (40_pretrain, 70_train_sft) share: how a run starts and goes on, its log lines, validation,
// which checkpoints stay, `final` and the manifest. A verb brings data, model and objective.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cli/training.h"
#include "cli/training_run.h"
#include "data/packed_loader.h"
#include "core/folder_lock.h"
#include "train/lab_course.h"
#include "train/lab_settings.h"

namespace lathe::cli {

// A stage's validation: mean loss of a token.
using LabValidate = std::function<Result<double>()>;

// Tokens of each source that the loader has handed out, for LabTraining::Stage::drawn.
std::vector<int64_t> drawn_tokens(const data::PackedLoader& batches, int64_t sequence_length);

class LabTraining {
 public:
  // module: who speaks in the log; settings outlive this.
  LabTraining(const char* module, train::LabSettings& settings) : module_(module), settings_(settings) {}
  void describe(SettingsTable& table);
  void describe_run(SettingsTable& table) { training_.describe(table, false); }  // without the settings

  // Settings and the files every program needs; prints all resolved settings (row L-1.11).
  Status check(Context& context, const char* data_remedy) const;
  Result<tokenizer::Tokenizer> tokenizer() const;
  Result<DType> dtype(const Context& context) const;

  // One data set as the record has it; `path` is a folder with a manifest, or a file.
  static Result<train::LabSource> source(const std::string& path, double share, int64_t tokens);
  // Decides how the run starts and brings its folder into that state; prints what it does. more: further settings that decide the
  // course, by name. Afterwards either done() or ready to train.
  Status begin(Context& context, const fs::path& run, Json fixed, std::vector<train::LabSource> sources, const std::vector<std::string>& more);
  bool done() const { return course_.start == train::CourseStart::kFinished; }
  Exit finish_done(Context& context) const;
  bool starts_anew() const { return course_.start == train::CourseStart::kFresh; }
  int64_t phase() const { return course_.phase(); }
  int64_t warmup() const { return warmup_; }

  struct Stage {
    std::string name;                                   // "pretrain", "sft"
    model::Transformer& model;
    const tokenizer::Tokenizer& tokenizer;
    optim::Optimizer& optimizer;
    train::Objective& objective;
    train::Weights& weights;
    dist::Communicator& world;
    std::function<std::vector<int64_t>()> drawn;        // tokens of each source so far
    std::function<std::vector<std::string>()> mix;      // lines; may be empty
    LabValidate validate;                               // empty: never
    std::function<Status(int64_t step)> after_validation = {};
    std::function<std::vector<std::pair<std::string, double>>()> shares = {};  // had of each source so far; for the metrics
    Json more = Json::object();                         // into the checkpoints' settings: architecture, ...
    std::vector<fs::path> inputs = {};                  // files for the manifest
    double flops_per_token = 0;
    bool token_loss = true;                             // the validation is of tokens, so that it has a perplexity
  };
  Result<Exit> go(Context& context, const Stage& stage);
  // For after_validation.
  Status show_samples(Context& context, int64_t step, const std::vector<std::string>& lines) { return training_.show_samples(context, step, lines); }

 private:
  train::LoopHooks hooks(Context& context, const Stage& stage);
  Status say_step(Context& context, int64_t step, const Json& values);
  Result<double> validate(Context& context, const Stage& stage, int64_t step);
  Status complete(Context& context, const Stage& stage, const train::LoopResult& result) const;
  Json user_config(const Context& context, const Stage& stage) const;
  std::vector<std::string> rate_lines() const;
  void read_evaluations();

  const char* module_;
  train::LabSettings& settings_;
  TrainingRun training_;
  fs::path run_;
  FolderLock lock_;
  train::Course course_;
  train::LabCheckpoint from_;                           // what the run goes on from, if it does
  train::PerplexityWatch watch_{0};
  int64_t warmup_ = 0, best_ = -1, spoke_at_ = -1;
  double spoke_seconds_ = 0;
  std::string started_;
};

}  // namespace lathe::cli
