// CORE as a verb or a training run measures it: which tasks, on which model, what is printed and kept (rows C-7.19 to C-7.23).
#pragma once

#include "cli/base_results.h"
#include "eval/core_score.h"

namespace lathe::cli {

struct CoreRun {
  std::string bundle, tasks;            // folder; names joined by | or ,
  std::vector<std::string> task_files;  // lists of the form of core.yaml, beside the bundle's
  int64_t max_per_task = -1, max_seq_len = 0, batch_tokens = 8192;

  // The settings bundle, tasks, task_files, max_per_task, max_seq_len and batch_tokens.
  void describe(SettingsTable& table);
  fs::path bundle_folder(const fs::path& base) const;
  bool bundle_exists(const fs::path& base) const;

  // Whether all tasks of the bundle are wanted and no others, so that their mean may be called CORE.
  bool is_core() const { return tasks.empty() && task_files.empty(); }
  Result<std::vector<eval::CoreTask>> list(const fs::path& base) const;

  struct Outcome {
    std::vector<eval::CoreScore> scores;  // of the tasks that were finished
    bool interrupted = false;
  };
  // Prints a line a task. answers(score): told as each is done, may be empty.
  Result<Outcome> measure(Context& context, model::Transformer& model, const tokenizer::Tokenizer& tokenizer,
                          const std::vector<eval::CoreTask>& tasks, dist::Communicator& world,
                          const std::function<Status(const eval::CoreTask&, const eval::CoreScore&)>& done = {}) const;
  // measure(), and all of it kept: summary, answers, <base>/base_eval/<slug>.csv. Adds "core", "core_low", "core_high" and "core_tasks" to
  // the figures. StopSignals must live.
  Result<Exit> run(Context& context, const EvaluatedModel& evaluated, const train::LoadedModel& loaded, const BaseResults& results,
                   const std::vector<eval::CoreTask>& tasks, dist::Communicator& world, Json& figures) const;
};

}  // namespace lathe::cli
