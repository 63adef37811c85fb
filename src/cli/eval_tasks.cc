// lathe eval tasks: the built-in tasks, scored exactly, with 95 % intervals beside the baselines.
#include "cli/evaluated_model.h"
#include "cli/report_section.h"
#include "cli/training.h"
#include "cli/verbs.h"
#include "core/progress.h"
#include "core/signals.h"
#include "eval/task_score.h"
#include "infer/chat_prompt.h"
#include "infer/transformer_model.h"
#include "train/load_model.h"

namespace lathe::cli {
namespace {

class EvalTasks : public Verb {
 public:
  VerbInfo info() const override {
    return {"eval tasks", "judge", "accuracy on the built-in tasks", "lathe eval tasks --source sft --tasks 'sums|spelling' --max-problems 200", "", 0};
  }
  void describe(SettingsTable& table) override {
    table.group("model");
    add_checkpoint_flags(table, &source_, &step_);
    table.group("cases");
    table.add("data", &data_, "corpus folder of `lathe synth`, cases below eval/; empty: the base folder");
    Setting& which = table.add("tasks", &tasks_, "names joined by |; empty: all");
    which.short_flag = 'a';
    which.aliases = {"task_name"};
    table.add("max_problems", &max_problems_, "the first so many of each; -1: all").short_flag = 'x';
  }
  Result<Exit> run(Context& context) override;

 private:
  struct Job {
    const tasks::BuiltinTask* task;
    std::vector<tasks::TaskCase> cases;
  };
  Result<std::vector<Job>> jobs(const fs::path& base) const;

  std::string source_ = "sft", data_, tasks_;
  int64_t step_ = -1, max_problems_ = -1;
};

// Everything that can be wrong with names and files is found before a model is loaded.
Result<std::vector<EvalTasks::Job>> EvalTasks::jobs(const fs::path& base) const {
  if (max_problems_ == 0 || max_problems_ < -1) return error_at("max_problems", -1, "must be at least 1, or -1 for all");
  std::vector<std::string> names, known;
  for (const tasks::BuiltinTask& task : tasks::builtin_tasks()) known.push_back(task.name);
  names = tasks_.empty() ? known : split_text(tasks_, '|');
  const fs::path folder = (data_.empty() ? base : fs::path(data_)) / "eval";
  std::error_code code;
  if (!fs::is_directory(folder, code))
    return error_at(folder.string(), -1, "no evaluation cases here; write them with `lathe synth`, or name its folder with --data");
  std::vector<Job> out;
  for (const std::string& name : names) {
    const tasks::BuiltinTask* task = tasks::find_task(name);
    if (task == nullptr) {
      std::string list;
      for (const std::string& word : known) list += (list.empty() ? "" : ", ") + word;
      const std::string near = nearest_word(name, known);
      return error_at("tasks", -1, "no task \"", name, "\"; there are ", list, near.empty() ? "" : "; did you mean \"" + near + "\"?");
    }
    LATHE_TRY(std::vector<tasks::TaskCase> cases, tasks::read_task_cases(folder / (name + ".jsonl")));
    if (max_problems_ > 0 && static_cast<int64_t>(cases.size()) > max_problems_)
      cases.erase(cases.begin() + static_cast<std::ptrdiff_t>(max_problems_), cases.end());
    out.push_back({task, std::move(cases)});
  }
  return out;
}

std::string percent(double share) { return format_text("%5.1f %%", 100 * share); }

std::string table_line(const eval::TaskScore& score) {
  return format_text("%-28s %s   %5.1f to %5.1f %%   %s   %s   %5lld   %s", score.title.c_str(), percent(score.accuracy).c_str(),
                     100 * score.low, 100 * score.high, percent(score.majority).c_str(), percent(score.random).c_str(),
                     static_cast<long long>(score.n), score.verdict().c_str());
}

Result<Exit> EvalTasks::run(Context& context) {
  LATHE_TRY(const fs::path base, context.base_folder());
  LATHE_TRY(const std::vector<Job> list, jobs(base));
  LATHE_TRY(const train::LoadedModel loaded, train::load_model(base, source_, context.common().tag, step_, resolved_dtype(context)));
  LATHE_TRY([[maybe_unused]] const infer::ChatTokens tokens, infer::ChatTokens::of(loaded.tokenizer));
  infer::TransformerModel model(*loaded.model);
  infer::Engine engine(model, loaded.tokenizer);
  const StopSignals signals;

  std::vector<eval::TaskScore> scores;
  for (const Job& job : list) {
    if (StopSignals::requested()) break;
    Progress progress(job.task->title, static_cast<int64_t>(job.cases.size()), "cases");
    eval::ScoreOptions options;
    options.is_cancelled = [] { return StopSignals::requested(); };
    options.on_group = [&](int64_t done, int64_t correct) {
      progress.update(done, format_text("%.1f %% right", 100.0 * static_cast<double>(correct) / static_cast<double>(done)));
    };
    LATHE_TRY(eval::TaskScore score, eval::score_task(engine, *job.task, job.cases, options));
    progress.finish();
    if (score.n == static_cast<int64_t>(job.cases.size())) scores.push_back(std::move(score));
  }

  EvaluatedModel judged;
  judged.source = source_;
  LATHE_TRY(const Json about, judged.about(context, loaded));
  const fs::path folder = base / "eval_results" / loaded.tag / source_;
  LATHE_TRY_STATUS(eval::write_scores(folder, about, scores));
  context.print(format_text("%-28s %7s   %16s   %7s   %7s   %5s", "task", "right", "95 % interval", "majority", "random", "cases"));
  for (const eval::TaskScore& score : scores) context.print(table_line(score));
  context.print("multiple choice is decided by the logits of the letters, the other tasks by the text the model writes; answers: ", folder.string());

  if (context.rank() == 0) {
    Json accuracies = Json::object();
    for (const eval::TaskScore& score : scores) accuracies[score.task] = score.accuracy;
    LATHE_TRY([[maybe_unused]] const fs::path section, write_report_section(base, "Chat evaluation " + source_, {context.settings(), about, accuracies}));
  }
  Json figures = about;
  figures["tasks"] = Json::object();
  for (const eval::TaskScore& score : scores) figures["tasks"][score.task] = score.to_json();
  figures["answers"] = folder.string();
  const bool stopped = scores.size() < list.size();
  if (stopped) context.print("Stopped by a signal; tasks that were not finished are left out");
  return context.finish(figures, stopped ? Exit::kInterrupted : Exit::kDone);
}

}  // namespace

std::unique_ptr<Verb> make_eval_tasks() { return std::make_unique<EvalTasks>(); }

}  // namespace lathe::cli
