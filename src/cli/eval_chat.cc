// lathe eval chat: a chat model by the public sets and ChatCORE; lathe eval tasks: by the built-in tasks. One scorer, one form of
// results. Rows C-7.24 to C-7.46.
#include <algorithm>

#include "cli/chat_format_choice.h"
#include "cli/chat_jobs.h"
#include "cli/contamination.h"
#include "cli/evaluated_model.h"
#include "cli/report_section.h"
#include "cli/verbs.h"
#include "core/log.h"
#include "core/progress.h"
#include "core/signals.h"
#include "eval/chat_core.h"
#include "eval/results.h"
#include "eval/score_text.h"
#include "infer/transformer_model.h"
#include "tasks/chat_tasks.h"

namespace lathe::cli {
namespace {

enum class Which { kPublic, kBuiltin };

class EvalChat : public Verb {
 public:
  explicit EvalChat(Which which) : which_(which) {
    model_.source = "sft";
    if (which == Which::kBuiltin) rows_ = 32;
  }
  VerbInfo info() const override {
    VerbInfo info;
    if (which_ == Which::kPublic)
      info = {"eval chat", "judge", "ARC, MMLU, GSM8K, HumanEval, SpellingBee, ChatCORE", "lathe eval chat --source sft -a 'ARC-Easy|GSM8K' -x 200", "", 0};
    else
      info = {"eval tasks", "judge", "accuracy on the built-in tasks", "lathe eval tasks --source sft --tasks 'sums|spelling' --max-problems 200", "", 0};
    info.ranks = true;
    return info;
  }
  void describe(SettingsTable& table) override;
  Result<Exit> run(Context& context) override;

 private:
  std::string default_names() const;
  Status check() const;
  eval::ScoreOptions options(const Context& context, dist::Communicator& ranks, const infer::ChatFormat& format) const;
  Result<eval::TaskScore> score(Context& context, infer::Engine& engine, const ChatJob& job, eval::ScoreOptions options) const;
  Status write(Context& context, const fs::path& base, const fs::path& folder, const Json& about, const std::vector<ChatJob>& jobs,
               const std::vector<eval::TaskScore>& scores);

  Which which_;
  EvaluatedModel model_;
  std::string tasks_, data_;
  int64_t max_problems_ = -1, max_new_tokens_ = 512, num_samples_ = 1, top_k_ = 50, rows_ = 8;
  double temperature_ = 0;
  bool unsafe_sandbox_ = false;
};

void EvalChat::describe(SettingsTable& table) {
  table.group("model");
  model_.describe(table);
  table.group("items");
  Setting& tasks = table.add("tasks", &tasks_, which_ == Which::kPublic ? "names joined by |; empty: the six public sets" : "names joined by |; empty: all built-in ones");
  tasks.short_flag = 'a';
  tasks.aliases = {"task_name"};
  table.add("max_problems", &max_problems_, "the first so many of each; -1: all").short_flag = 'x';
  table.add("data", &data_, "corpus folder of `lathe synth`, cases below eval/; empty: the base folder");
  table.group("answers");
  table.add("temperature", &temperature_, "0: always the most likely token").short_flag = 't';
  table.add("top_k", &top_k_, "0: the whole vocabulary").short_flag = 'k';
  table.add("num_samples", &num_samples_, "of each item; one right one is enough").short_flag = 'n';
  table.add("max_new_tokens", &max_new_tokens_, "of an answer; built-in tasks have their own").short_flag = 'm';
  table.add("batch_size", &rows_, "answered together; changes no result").short_flag = 'b';
  table.add("unsafe_sandbox", &unsafe_sandbox_, "run programs although a wall is missing");
}

std::string EvalChat::default_names() const {
  std::string names;
  for (const std::string& name : known_chat_jobs())
    if ((tasks::find_chat_task(name) != nullptr) == (which_ == Which::kPublic)) names += (names.empty() ? "" : "|") + name;
  return names;
}

Status EvalChat::check() const {
  if (max_problems_ == 0 || max_problems_ < -1) return error_at("max_problems", -1, "must be at least 1, or -1 for all");
  for (const auto& [name, value] : {std::pair{"num_samples", num_samples_}, {"max_new_tokens", max_new_tokens_}, {"batch_size", rows_}})
    if (value < 1) return error_at(name, -1, "must be at least 1, not ", value);
  infer::SamplingOptions sampling;
  sampling.temperature = temperature_;
  sampling.top_k = top_k_;
  LATHE_TRY_STATUS(sampling.validate());
  return {};
}

eval::ScoreOptions EvalChat::options(const Context& context, dist::Communicator& ranks, const infer::ChatFormat& format) const {
  eval::ScoreOptions out;
  if (format.name() != "chat") out.form = &format.chat_template();
  out.rows = rows_;
  out.samples = num_samples_;
  out.sampling.temperature = temperature_;
  out.sampling.top_k = top_k_;
  out.sampling.seed = static_cast<uint64_t>(context.common().seed);
  out.ranks = &ranks;
  out.is_cancelled = [] { return StopSignals::requested(); };
  return out;
}

Result<eval::TaskScore> EvalChat::score(Context& context, infer::Engine& engine, const ChatJob& job, eval::ScoreOptions options) const {
  if (context.given("max_new_tokens") || tasks::find_chat_task(job.name) != nullptr) options.max_new_tokens = max_new_tokens_;
  const auto world = static_cast<int64_t>(options.ranks->size());
  Progress progress(job.title, (std::ssize(job.task->items) + world - 1) / world, "items");
  options.on_batch = [&](int64_t done, int64_t correct) { progress.update(done, eval::live_line(context.rank(), correct, done)); };
  LATHE_TRY(eval::TaskScore score, eval::score_task(engine, *job.task, options));
  progress.finish();
  score.data = job.data;
  if (!job.walls.empty()) score.settings["walls"] = Json(Json::Array(job.walls.begin(), job.walls.end()));
  return score;
}

// The section of the report names every task that the summary has of this model, whichever command measured it (row C-7.31).
Status EvalChat::write(Context& context, const fs::path& base, const fs::path& folder, const Json& about, const std::vector<ChatJob>& jobs,
                       const std::vector<eval::TaskScore>& scores) {
  LATHE_TRY_STATUS(eval::write_scores(folder, about, scores));
  LATHE_TRY(Json summary, read_json(folder / eval::kSummaryFile));
  std::vector<std::pair<std::string, Json>> missing;  // a score of the same model that stands already stays
  for (const ChatJob& job : jobs) {
    const Json* measured = summary.find("tasks");
    const Json* before = measured == nullptr ? nullptr : measured->find(job.name);
    if (!job.task && (before == nullptr || before->contains("not_run"))) missing.emplace_back(job.name, eval::not_run(job.not_run));
  }
  LATHE_TRY_STATUS(eval::update_summary(folder, about, "tasks", missing));
  if (std::any_of(scores.begin(), scores.end(), [](const eval::TaskScore& score) { return tasks::find_chat_task(score.task) != nullptr; })) {
    const std::optional<double> core = eval::chat_core(scores);
    const std::pair<std::string, Json> figure{"ChatCORE", core ? Json(Json::Object{{"value", *core}}) : eval::not_run("not all of the six sets were run together")};
    LATHE_TRY_STATUS(eval::update_summary(folder, about, "chatcore", {&figure, 1}));
  }
  LATHE_TRY(summary, read_json(folder / eval::kSummaryFile));
  Json results = Json::object();
  const Json* known = summary.find("tasks");
  for (const std::string& name : known_chat_jobs())
    if (const Json* figure = known == nullptr ? nullptr : known->find(name)) {
      const Json* reason = figure->find("not_run");
      results[name] = reason != nullptr ? Json("not run: " + reason->as_string()) : figure->at("accuracy");
    }
  if (const Json* core = summary.find("chatcore"))
    if (const Json* value = core->at("ChatCORE").find("value")) results["ChatCORE metric"] = *value;
  LATHE_TRY([[maybe_unused]] const fs::path section, write_report_section(base, "Chat evaluation " + model_.result_source(), {context.settings(), about, results}));
  return {};
}

Result<Exit> EvalChat::run(Context& context) {
  LATHE_TRY_STATUS(check());
  LATHE_TRY(const fs::path base, context.base_folder());
  const std::string names = tasks_.empty() ? default_names() : tasks_;
  LATHE_TRY(const std::vector<ChatJob> jobs, open_chat_jobs(names, {base, data_.empty() ? base : fs::path(data_), max_problems_, unsafe_sandbox_}));
  LATHE_TRY(const train::LoadedModel loaded, model_.load(context));
  LATHE_TRY(const infer::ChatFormat format, chat_format_of(loaded, train::chat_record(loaded), ""));
  LATHE_TRY(const Json about, model_.about(context, loaded));
  LATHE_TRY(const std::unique_ptr<dist::Communicator> ranks, dist::mpi_communicator());
  infer::TransformerModel model(*loaded.model);
  infer::Engine engine(model, loaded.tokenizer);
  const StopSignals signals;

  const fs::path folder = model_.results_folder(base, loaded);
  std::vector<eval::TaskScore> scores;
  bool chat_core_dropped = false;
  for (const ChatJob& job : jobs) {
    if (!job.task) {
      log_warning("eval", job.name, " is not run: ", job.not_run);
      continue;
    }
    if (StopSignals::requested()) break;
    LATHE_TRY(eval::TaskScore score, this->score(context, engine, job, options(context, *ranks, format)));
    if (score.n < std::ssize(job.task->items)) continue;  // stopped on the way
    for (const std::string& line : eval::final_lines(score)) context.print(line);
    if (ranks->is_main()) {  // at once: whoever is killed later keeps it
      if (tasks::find_chat_task(score.task) != nullptr && !chat_core_dropped) {  // a mean of older scores must not stand beside a newer one
        const std::pair<std::string, Json> dropped{"ChatCORE", eval::not_run("a run of its sets has not ended")};
        LATHE_TRY_STATUS(eval::update_summary(folder, about, "chatcore", {&dropped, 1}));
        chat_core_dropped = true;
      }
      LATHE_TRY_STATUS(eval::write_scores(folder, about, {&score, 1}));
    }
    scores.push_back(std::move(score));
  }
  const bool stopped = StopSignals::requested() && std::ssize(scores) < std::count_if(jobs.begin(), jobs.end(), [](const ChatJob& job) { return job.task.has_value(); });

  if (ranks->is_main() && !scores.empty()) {  // a run that was stopped before its first score leaves what stands
    LATHE_TRY_STATUS(write(context, base, folder, about, jobs, scores));
  }
  context.print(eval::table_head());
  for (const ChatJob& job : jobs) {
    const auto score = std::find_if(scores.begin(), scores.end(), [&](const eval::TaskScore& s) { return s.task == job.name; });
    if (score != scores.end()) context.print(eval::table_line(*score));
    if (!job.task) context.print(eval::table_line(job.title, job.not_run));
  }
  const std::optional<double> core = eval::chat_core(scores);
  if (core) context.print(format_text("ChatCORE metric: %.4f", *core));
  context.print("multiple choice is decided by the logits of the letters, the other tasks by the text the model writes; answers: ", folder.string());
  if (stopped) context.print("Stopped by a signal; tasks that were not finished are left out");

  Json figures = about;
  figures["tasks"] = Json::object();
  for (const eval::TaskScore& score : scores) figures["tasks"][score.task] = score.to_json();
  for (const ChatJob& job : jobs)
    if (!job.task) figures["tasks"][job.name] = eval::not_run(job.not_run);
  if (core) figures["chatcore"] = *core;
  figures["answers"] = folder.string();
  std::vector<fs::path> sets;
  for (const ChatJob& job : jobs)
    if (job.task) sets.insert(sets.end(), job.task->files.begin(), job.task->files.end());
  if (ranks->is_main()) figures["contamination"] = contamination_of(context, model_.foreign(), loaded, sets);
  return context.finish(figures, stopped ? Exit::kInterrupted : Exit::kDone);
}

}  // namespace

std::unique_ptr<Verb> make_eval_chat() { return std::make_unique<EvalChat>(Which::kPublic); }
std::unique_ptr<Verb> make_eval_tasks() { return std::make_unique<EvalChat>(Which::kBuiltin); }

}  // namespace lathe::cli
