#include "cli/core_run.h"

#include <algorithm>

#include "cli/contamination.h"
#include "core/progress.h"
#include "core/sha256.h"
#include "core/signals.h"
#include "eval/results.h"
#include "eval/statistics.h"

namespace lathe::cli {
namespace {

constexpr int64_t kGpt2Length = 1024;  // row C-7.7

std::vector<std::string> names_of(std::string words) {
  std::replace(words.begin(), words.end(), ',', '|');
  std::vector<std::string> out;
  for (const std::string& word : split_text(words, '|'))
    if (const std::string_view name = trim_text(word); !name.empty()) out.emplace_back(name);
  return out;
}

}  // namespace

void CoreRun::describe(SettingsTable& table) {
  table.add("bundle", &bundle, "folder with core.yaml, eval_meta_data.csv and eval_data/; empty: <base>/eval_bundle");
  table.add("tasks", &tasks, "names joined by | or a comma; empty: all");
  table.add("task_files", &task_files, "more tasks: lists of the form of core.yaml");
  table.add("max_per_task", &max_per_task, "the first so many shuffled examples of a task; -1: all");
  table.add("max_seq_len", &max_seq_len, "longer prompts are cropped on the left; 0: the model's positions");
  table.add("batch_tokens", &batch_tokens, "positions computed together; memory, not results, depends on it");
}

fs::path CoreRun::bundle_folder(const fs::path& base) const { return bundle.empty() ? base / "eval_bundle" : fs::path(bundle); }

bool CoreRun::bundle_exists(const fs::path& base) const {
  std::error_code code;
  return fs::exists(bundle_folder(base) / "core.yaml", code);
}

Result<std::vector<eval::CoreTask>> CoreRun::list(const fs::path& base) const {
  if (max_per_task == 0 || max_per_task < -1) return error_at("max_per_task", -1, "must be at least 1, or -1 for all");
  if (max_seq_len < 0 || max_seq_len == 1) return error_at("max_seq_len", -1, "must be at least 2, or 0 for the model's positions");
  if (batch_tokens < 1) return error_at("batch_tokens", -1, "must be at least 1");
  const fs::path folder = bundle_folder(base);
  std::vector<eval::CoreTask> all;
  if (bundle_exists(base)) {
    LATHE_TRY(all, eval::read_core_bundle(folder));
  } else if (task_files.empty()) {
    return error_at(folder.string(), -1, "no core.yaml here; fetch the bundle with `lathe download eval-bundle`, or name its folder with --bundle");
  }
  if (!task_files.empty()) {
    std::map<std::string, double> baselines;
    if (bundle_exists(base)) {
      LATHE_TRY(baselines, eval::read_random_baselines(folder / "eval_meta_data.csv"));
    }
    for (const std::string& file : task_files) {
      LATHE_TRY(const std::vector<eval::CoreTask> more, eval::read_core_tasks(file, folder / "eval_data", baselines));
      for (const eval::CoreTask& task : more) {
        if (std::any_of(all.begin(), all.end(), [&](const eval::CoreTask& t) { return t.label == task.label; }))
          return error_at(file, -1, "there is a task ", task.label, " already; call this one otherwise");
        all.push_back(task);
      }
    }
  }
  // Before hours of other tasks, not after them.
  const auto enough = [this](const std::vector<eval::CoreTask>& chosen) -> Result<std::vector<eval::CoreTask>> {
    for (const eval::CoreTask& task : chosen)
      if (max_per_task > 0 && max_per_task <= task.num_fewshot)
        return error_at("max_per_task", -1, "is ", max_per_task, ", but ", task.label, " puts ", task.num_fewshot, " other items before each; give at least ",
                        task.num_fewshot + 1, ", or leave the task out");
    return chosen;
  };
  if (tasks.empty()) return enough(all);
  std::vector<std::string> known;
  for (const eval::CoreTask& task : all) known.push_back(task.label);
  std::vector<eval::CoreTask> wanted;
  for (const std::string& name : names_of(tasks)) {
    const auto found = std::find(known.begin(), known.end(), name);
    if (found == known.end()) {
      std::string names;
      for (const std::string& word : known) names += (names.empty() ? "" : ", ") + word;
      const std::string near = nearest_word(name, known);
      return error_at("tasks", -1, "no task \"", name, "\"; there are ", names, near.empty() ? "" : "; did you mean \"" + near + "\"?");
    }
    wanted.push_back(all[static_cast<size_t>(found - known.begin())]);
  }
  if (wanted.empty()) return error_at("tasks", -1, "names no task");
  return enough(wanted);
}

Result<CoreRun::Outcome> CoreRun::measure(Context& context, model::Transformer& model, const tokenizer::Tokenizer& tokenizer,
                                          const std::vector<eval::CoreTask>& wanted, dist::Communicator& world,
                                          const std::function<Status(const eval::CoreTask&, const eval::CoreScore&)>& done) const {
  Outcome outcome;
  ops::Context ctx;
  for (const eval::CoreTask& task : wanted) {
    LATHE_TRY(std::vector<eval::CoreItem> rows, eval::read_core_items(task));
    const std::vector<eval::CoreItem> items = eval::draw_core_items(std::move(rows), max_per_task);
    int64_t texts = 0;
    for (const eval::CoreItem& item : items) texts += std::max<int64_t>(1, static_cast<int64_t>(item.options.size()));
    Progress progress(task.label, texts / world.size(), "texts");
    eval::CoreOptions options;
    options.max_tokens = max_seq_len;
    options.answers = static_cast<bool>(done);
    options.likelihood.batch_tokens = batch_tokens;
    options.likelihood.on_progress = [&](int64_t n) { progress.update(n); };
    // One rank alone must not leave the others waiting; mpirun ends them all.
    if (world.size() == 1) options.likelihood.is_cancelled = [] { return StopSignals::requested(); };
    const Result<eval::CoreScore> score = eval::score_core_task(model, ctx, tokenizer, task, items, world, options);
    if (!score.ok()) {
      if (!StopSignals::requested()) return score.error();
      outcome.interrupted = true;
      return outcome;
    }
    progress.finish();
    context.print(score.value().line());
    if (done) LATHE_TRY_STATUS(done(task, score.value()));
    outcome.scores.push_back(score.value());
    outcome.scores.back().answers.clear();
  }
  return outcome;
}

Result<Exit> CoreRun::run(Context& context, const EvaluatedModel& evaluated, const train::LoadedModel& loaded, const BaseResults& results,
                          const std::vector<eval::CoreTask>& wanted, dist::Communicator& world, Json& figures) const {
  CoreRun own = *this;
  if (own.max_seq_len == 0 && evaluated.foreign() && evaluated.hf_path.find("gpt2") != std::string::npos) own.max_seq_len = kGpt2Length;
  Json tasks_figure = Json::object();
  const auto keep = [&](const eval::CoreTask& task, const eval::CoreScore& score) -> Status {
    if (!world.is_main()) return {};
    const std::string file = join_text("core_", task.label, ".jsonl");
    LATHE_TRY_STATUS(eval::write_answers(results.folder() / file, score.answers));
    LATHE_TRY(const std::string hash, sha256_file(task.file));
    const fs::path data = fs::absolute(task.file).lexically_normal();
    Json figure = score.figure();
    figure["settings"] = Json(Json::Object{{"max_per_task", max_per_task}, {"max_seq_len", own.max_seq_len}, {"num_fewshot", task.num_fewshot},
                                           {"continuation_delimiter", task.delimiter}, {"shuffle_seed", 1337}, {"few_shot_seed", 1234}});
    figure["data"] = Json(Json::Array{Json(Json::Object{{"file", data.filename().string()}, {"path", data.string()}, {"sha256", hash}})});
    figure["answers"] = file;
    tasks_figure[task.label] = figure;
    return results.keep("core", {{task.label, figure}});
  };
  LATHE_TRY(const Outcome outcome, own.measure(context, *loaded.model, loaded.tokenizer, wanted, world, keep));
  if (outcome.interrupted) {
    context.print("Stopped by a signal; CORE needs all of its tasks");
    return Exit::kInterrupted;
  }
  if (world.is_main()) {
    std::vector<fs::path> sets;
    for (const eval::CoreTask& task : wanted) sets.push_back(task.file);
    figures["contamination"] = contamination_of(context, evaluated.foreign(), loaded, sets);
  }
  const double metric = eval::core_metric(outcome.scores);
  const tasks::Interval interval = eval::core_interval(outcome.scores);
  double seconds = 0;
  for (const eval::CoreScore& score : outcome.scores) seconds += score.seconds;
  const char* name = is_core() ? "CORE" : "mean of the chosen tasks";
  context.print(format_text("%s metric: %.4f, 95 %%: %.4f to %.4f, %zu tasks, %.1f s", name, metric, interval.low, interval.high, outcome.scores.size(), seconds));
  figures["core"] = metric;
  figures["core_low"] = interval.low;
  figures["core_high"] = interval.high;
  figures["core_complete"] = is_core();
  figures["core_tasks"] = std::move(tasks_figure);
  if (!world.is_main()) return Exit::kDone;

  Json figure = Json::object();
  figure["value"] = metric;
  figure["low"] = interval.low;
  figure["high"] = interval.high;
  figure["n"] = static_cast<int64_t>(outcome.scores.size());
  figure["random_baseline"] = 0;
  figure["verdict"] = eval::chance_verdict(interval, 0, 0, static_cast<int64_t>(outcome.scores.size()));
  figure["seconds"] = seconds;
  figure["settings"] = Json(Json::Object{{"max_per_task", max_per_task}, {"max_seq_len", own.max_seq_len}});
  figure["contamination"] = figures.at("contamination");
  LATHE_TRY_STATUS(results.keep("core", {{name, figure}}));
  const fs::path csv = results.base() / "base_eval" / (results.slug() + ".csv");
  LATHE_TRY_STATUS(write_file_atomic(csv, eval::core_csv(outcome.scores)));
  context.print("Results written to: ", csv.string(), "; answers: ", results.folder().string());
  figures["csv"] = csv.string();
  figures["answers"] = results.folder().string();
  return Exit::kDone;
}

}  // namespace lathe::cli
