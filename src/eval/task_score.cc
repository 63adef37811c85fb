#include "eval/task_score.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "core/clock.h"
#include "eval/results.h"
#include "eval/statistics.h"
#include "tasks/interval.h"
#include "tokenizer/render.h"

namespace lathe::eval {
namespace {

Result<std::vector<int32_t>> prompt_of(infer::Engine& engine, const tasks::TaskCase& task_case) {
  Json record = Json::object();
  record["messages"] = task_case.messages;
  LATHE_TRY(tokenizer::Conversation conversation, tokenizer::conversation_from_json(record));
  conversation.messages.push_back({tokenizer::Role::kAssistant, std::string()});
  LATHE_TRY(std::vector<int32_t> ids, tokenizer::render_for_completion(engine.tokenizer(), conversation, int64_t{1} << 30));
  if (const int64_t limit = engine.model().context_limit(); static_cast<int64_t>(ids.size()) > limit)
    return error("the text has ", ids.size(), " tokens, more than the ", limit, " positions of the model");
  return ids;
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

constexpr size_t kRows = 32;  // answers written at a time

// The answers to prompts of one length. False when it was cancelled.
Result<bool> write_answers(infer::Engine& engine, int64_t max_new_tokens, std::span<const std::vector<int32_t>> prompts,
                           const infer::IsCancelled& is_cancelled, std::span<CaseAnswer*> out) {
  infer::GenerateOptions options;
  options.sampling.temperature = 0;
  options.max_tokens = max_new_tokens;
  LATHE_TRY(const infer::Generated generated, engine.generate_each(prompts, options, is_cancelled));
  if (generated.reason == infer::StopReason::kCancelled) return false;
  for (size_t row = 0; row < prompts.size(); ++row) {
    const std::span<const int32_t> tokens = std::span(generated.tokens[row]).subspan(prompts[row].size());
    out[row]->output = engine.tokenizer().decode(tokens);
    out[row]->tokens = static_cast<int64_t>(tokens.size());
    out[row]->finished = generated.completed[row];
  }
  return true;
}

void add_totals(TaskScore& score, const std::vector<tasks::TaskCase>& judged) {
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
  const tasks::Baselines base = tasks::baselines(judged);
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

std::string TaskScore::verdict() const { return chance_verdict({low, high}, chance(), n); }

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
  const double start = Clock::real().seconds();
  std::map<size_t, std::vector<size_t>> by_length;  // numbers of the cases whose prompts can go together
  std::vector<std::vector<int32_t>> prompts;
  std::vector<CaseAnswer> answers;
  for (const tasks::TaskCase& task_case : cases) {
    const Result<std::vector<int32_t>> prompt = prompt_of(engine, task_case);
    if (!prompt.ok()) return error("case ", prompts.size() + 1, " of ", task.name, ": ", prompt.error().to_string());
    by_length[prompt.value().size()].push_back(prompts.size());
    prompts.push_back(prompt.value());
    CaseAnswer answer;
    answer.kind = task_case.kind;
    answer.prompt = task_case.messages.as_array().back().get_string("content", "");
    answer.expected = task_case.expected;
    answers.push_back(std::move(answer));
  }

  std::vector<uint8_t> done(cases.size(), 0);
  int64_t count = 0, correct = 0;
  const auto answer_group = [&](std::span<const size_t> group) -> Result<bool> {
    std::vector<CaseAnswer*> out;
    std::vector<std::vector<int32_t>> rows;
    for (const size_t i : group) {
      out.push_back(&answers[i]);
      rows.push_back(prompts[i]);
    }
    if (task.scoring == tasks::Scoring::kCategorical) {
      for (const size_t i : group) LATHE_TRY_STATUS(choose(engine, cases[i], prompts[i], answers[i]));
    } else {
      LATHE_TRY(const bool complete, write_answers(engine, task.max_new_tokens, rows, options.is_cancelled, out));
      if (!complete) return false;
    }
    for (const size_t i : group) {
      answers[i].answer = tasks::extracted_answer(cases[i], answers[i].output);
      answers[i].correct = tasks::check(cases[i], answers[i].output);
      done[i] = 1;
      ++count;
      correct += answers[i].correct;
    }
    if (options.on_group) options.on_group(count, correct);
    return !(options.is_cancelled && options.is_cancelled());
  };
  bool go_on = true;
  for (const auto& [length, group] : by_length)
    for (size_t begin = 0; begin < group.size() && go_on; begin += kRows) {
      LATHE_TRY(go_on, answer_group(std::span(group).subspan(begin, std::min(kRows, group.size() - begin))));
    }

  std::vector<tasks::TaskCase> judged;
  for (size_t i = 0; i < cases.size(); ++i) {
    if (!done[i]) continue;
    score.answers.push_back(std::move(answers[i]));
    judged.push_back(cases[i]);
  }
  score.seconds = Clock::real().seconds() - start;
  add_totals(score, judged);
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
  std::vector<std::pair<std::string, Json>> figures;
  for (const TaskScore& score : scores) {
    std::vector<Json> answers;
    for (const CaseAnswer& answer : score.answers) answers.push_back(answer.to_json());
    LATHE_TRY_STATUS(write_answers(folder / (score.task + ".jsonl"), answers));
    figures.emplace_back(score.task, score.to_json());
  }
  return update_summary(folder, about, "tasks", figures);
}

}  // namespace lathe::eval
