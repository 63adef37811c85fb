#include "eval/task_score.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "core/clock.h"
#include "infer/reply.h"
#include "tasks/interval.h"
#include "tokenizer/render.h"

namespace lathe::eval {
namespace {

Result<std::vector<int32_t>> prompt_of(const tokenizer::Tokenizer& tokenizer, const tasks::TaskCase& task_case) {
  Json record = Json::object();
  record["messages"] = task_case.messages;
  LATHE_TRY(tokenizer::Conversation conversation, tokenizer::conversation_from_json(record));
  conversation.messages.push_back({tokenizer::Role::kAssistant, std::string()});
  return tokenizer::render_for_completion(tokenizer, conversation, int64_t{1} << 30);
}

Result<std::vector<int32_t>> letter_ids(const tokenizer::Tokenizer& tokenizer, const std::vector<std::string>& letters) {
  if (letters.empty()) return error("a multiple-choice case without letters");
  std::vector<int32_t> ids;
  for (const std::string& letter : letters) {
    const std::vector<int32_t> encoded = tokenizer.encode(letter);
    if (encoded.size() != 1) return error("the tokenizer makes ", encoded.size(), " tokens of \"", letter, "\"; a letter must be one");
    ids.push_back(encoded[0]);
  }
  return ids;
}

// The most likely of the letters; the first of equals.
Status choose(infer::Engine& engine, const tasks::TaskCase& task_case, std::span<const int32_t> prompt, CaseAnswer& out) {
  LATHE_TRY(const std::vector<float> logits, letter_logits(engine, prompt, task_case.candidates));
  out.output = task_case.candidates[static_cast<size_t>(std::max_element(logits.begin(), logits.end()) - logits.begin())];
  return {};
}

Status write_answer(infer::Engine& engine, int64_t max_new_tokens, std::span<const int32_t> prompt, const infer::IsCancelled& is_cancelled,
                    CaseAnswer& out) {
  infer::GenerateOptions options;
  options.sampling.temperature = 0;
  options.max_tokens = max_new_tokens;
  const auto on_text = [&](std::string_view text) {
    out.output += text;
    return true;
  };
  LATHE_TRY(const infer::Reply reply, infer::stream_reply(engine, prompt, options, on_text, is_cancelled));
  out.tokens = static_cast<int64_t>(reply.tokens.size());
  out.finished = reply.reason == infer::StopReason::kCompleted;
  return {};
}

void add_totals(TaskScore& score, std::span<const tasks::TaskCase> done) {
  std::map<std::string, KindScore> kinds;
  for (const CaseAnswer& answer : score.answers) {
    KindScore& kind = kinds[answer.kind];
    kind.kind = answer.kind;
    ++kind.n;
    kind.correct += answer.correct;
    score.correct += answer.correct;
  }
  for (auto& [name, kind] : kinds) score.kinds.push_back(std::move(kind));
  score.n = static_cast<int64_t>(score.answers.size());
  score.accuracy = score.n > 0 ? static_cast<double>(score.correct) / static_cast<double>(score.n) : 0;
  const tasks::Interval interval = tasks::wilson_interval(score.correct, score.n);
  score.low = interval.low;
  score.high = interval.high;
  const tasks::Baselines base = tasks::baselines({done.begin(), done.end()});
  score.majority = base.majority;
  score.random = base.random;
}

}  // namespace

Json CaseAnswer::to_json() const {
  Json out = Json::object();
  out["kind"] = kind;
  out["prompt"] = prompt;
  out["output"] = repair_utf8(output);
  out["answer"] = repair_utf8(answer);
  out["expected"] = expected;
  out["correct"] = correct;
  out["finished"] = finished;
  out["tokens"] = tokens;
  return out;
}

std::string TaskScore::verdict() const {
  if (low > chance()) return "better than chance";
  return high < chance() ? "worse than chance" : "not distinguishable from chance";
}

Json TaskScore::to_json() const {
  Json out = Json::object();
  out["title"] = title;
  out["scoring"] = scoring == tasks::Scoring::kCategorical ? "categorical" : "generative";
  out["n"] = n;
  out["correct"] = correct;
  out["accuracy"] = accuracy;
  out["low"] = low;
  out["high"] = high;
  out["majority_baseline"] = majority;
  out["random_baseline"] = random;
  out["verdict"] = verdict();
  out["seconds"] = seconds;
  Json by_kind = Json::object();
  for (const KindScore& kind : kinds) by_kind[kind.kind] = Json(Json::Object{{"n", kind.n}, {"correct", kind.correct}});
  out["kinds"] = std::move(by_kind);
  return out;
}

Result<TaskScore> score_task(infer::Engine& engine, const tasks::BuiltinTask& task, std::span<const tasks::TaskCase> cases,
                             const ScoreOptions& options) {
  TaskScore score;
  score.task = task.name;
  score.title = task.title;
  score.scoring = task.scoring;
  const auto is_cancelled = [&] { return options.is_cancelled && options.is_cancelled(); };
  const double start = Clock::real().seconds();
  int64_t correct = 0;
  for (const tasks::TaskCase& task_case : cases) {
    const auto in_case = [&](const Error& wrong) {
      return error("case ", score.answers.size() + 1, " of ", task.name, ": ", wrong.to_string());
    };
    CaseAnswer out;
    out.kind = task_case.kind;
    out.prompt = task_case.messages.as_array().back().get_string("content", "");
    out.expected = task_case.expected;
    const Result<std::vector<int32_t>> prompt = prompt_of(engine.tokenizer(), task_case);
    if (!prompt.ok()) return in_case(prompt.error());
    const Status status = task.scoring == tasks::Scoring::kCategorical
                              ? choose(engine, task_case, prompt.value(), out)
                              : write_answer(engine, task.max_new_tokens, prompt.value(), options.is_cancelled, out);
    if (!status.ok()) return in_case(status.error());
    if (is_cancelled()) break;  // this answer may be cut short
    out.answer = tasks::extracted_answer(task_case, out.output);
    out.correct = tasks::check(task_case, out.output);
    correct += out.correct;
    score.answers.push_back(std::move(out));
    if (options.on_case) options.on_case(static_cast<int64_t>(score.answers.size()), correct);
  }
  score.seconds = Clock::real().seconds() - start;
  add_totals(score, cases.first(score.answers.size()));
  return score;
}

Result<std::vector<float>> letter_logits(infer::Engine& engine, std::span<const int32_t> prompt, const std::vector<std::string>& letters) {
  LATHE_TRY(const std::vector<int32_t> ids, letter_ids(engine.tokenizer(), letters));
  infer::LanguageModel& model = engine.model();
  const int64_t length = static_cast<int64_t>(prompt.size());
  if (length > model.context_limit())
    return error("the text has ", length, " tokens, more than the ", model.context_limit(), " positions of the model");
  model::KvCache cache = model.new_cache(1, length);
  const Tensor logits = model.forward(prompt, cache);
  std::vector<float> out;
  for (const int32_t id : ids) {
    out.push_back(logits.data<float>()[id]);
    if (!std::isfinite(out.back())) return error("the model gave logits that are not finite; its weights are damaged");
  }
  return out;
}

Status write_scores(const fs::path& folder, const Json& about, std::span<const TaskScore> scores) {
  Json summary = Json::object();
  summary["about"] = about;
  summary["tasks"] = Json::object();
  if (const Result<Json> before = read_json(folder / "summary.json"); before.ok())
    if (const Json *same = before.value().find("about"), *tasks = before.value().find("tasks"); same && tasks && *same == about && tasks->is_object())
      summary["tasks"] = *tasks;
  for (const TaskScore& score : scores) {
    std::string rows;
    for (const CaseAnswer& answer : score.answers) rows += answer.to_json().dump() + "\n";
    LATHE_TRY_STATUS(write_file_atomic(folder / (score.task + ".jsonl"), rows));
    summary["tasks"][score.task] = score.to_json();
  }
  return write_json_atomic(folder / "summary.json", summary);
}

}  // namespace lathe::eval
