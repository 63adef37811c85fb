#include "eval/task_score.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <numeric>

#include "core/clock.h"
#include "eval/letter_logits.h"
#include "eval/pass_at_k.h"
#include "eval/results.h"
#include "eval/statistics.h"
#include "tasks/interval.h"
#include "tokenizer/render.h"

namespace lathe::eval {
namespace {

using tasks::EvaluationItem;
using tasks::EvaluationTask;

struct Prompt {
  std::vector<int32_t> ids;
  bool cut = false;
};

Result<Prompt> prompt_of(infer::Engine& engine, const EvaluationItem& item, const tokenizer::ChatTemplate* form) {
  tokenizer::Conversation conversation = item.conversation;
  if (form != nullptr) {
    LATHE_TRY(std::vector<int32_t> ids, form->prompt(engine.tokenizer(), conversation));
    const int64_t excess = std::ssize(ids) - std::min(kMostPromptTokens, engine.model().context_limit());
    if (excess > 0) ids.erase(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(excess));
    return Prompt{std::move(ids), excess > 0};
  }
  conversation.messages.push_back({tokenizer::Role::kAssistant, std::string()});
  const int64_t most = std::min(kMostPromptTokens, engine.model().context_limit() - 1);  // assistant_start comes on top
  LATHE_TRY(tokenizer::Rendered rendered, tokenizer::render_prompt(engine.tokenizer(), conversation, most));
  return Prompt{std::move(rendered.ids), rendered.dropped > 0};
}

// Answers a task batch by batch.
class Scorer {
 public:
  Scorer(infer::Engine& engine, const EvaluationTask& task, const ScoreOptions& options) : engine_(engine), task_(task), options_(options) {
    samples_ = task.scoring == tasks::Scoring::kCategorical ? 1 : options.samples;
    require(samples_ >= 1 && options.rows >= 1, "[score_task] ", samples_, " samples, ", options.rows, " rows");
  }

  Status prepare() {
    for (const EvaluationItem& item : task_.items) {
      Result<Prompt> prompt = prompt_of(engine_, item, options_.form);
      if (!prompt.ok()) return named(item, prompt.error());
      prompts_.push_back(std::move(prompt).value());
      Answer answer;
      answer.index = item.index;
      answer.kind = item.kind;
      answer.prompt = item.question();
      answer.expected = item.expected;
      answer.cut = prompts_.back().cut;
      answers_.push_back(std::move(answer));
    }
    return {};
  }

  // Items whose prompts are of like length go together.
  std::vector<std::vector<size_t>> batches() const {
    std::vector<size_t> order(prompts_.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return prompts_[a].ids.size() < prompts_[b].ids.size(); });
    const auto count = static_cast<size_t>(std::max<int64_t>(options_.rows / samples_, 1));
    std::vector<std::vector<size_t>> out;
    for (size_t begin = 0; begin < order.size(); begin += count)
      out.emplace_back(order.begin() + static_cast<std::ptrdiff_t>(begin), order.begin() + static_cast<std::ptrdiff_t>(std::min(begin + count, order.size())));
    return out;
  }

  // False when it was cancelled.
  Result<bool> answer_batch(std::span<const size_t> batch) {
    if (task_.scoring == tasks::Scoring::kCategorical) {
      LATHE_TRY_STATUS(choose(batch));
    } else {
      LATHE_TRY(const bool complete, write(batch));
      if (!complete) return false;
    }
    judge(batch);
    for (const size_t i : batch) done_.push_back(i);
    return true;
  }

  // The answers of the batches done; once.
  std::vector<Answer> take_answers() {
    std::vector<Answer> out;
    for (const size_t i : done_) out.push_back(std::move(answers_[i]));
    return out;
  }
  const Answer& answer(size_t i) const { return answers_[i]; }
  int64_t samples() const { return samples_; }

 private:
  Status named(const EvaluationItem& item, const Error& error_of_item) const {
    return error("item ", item.index, " of ", task_.name, ": ", error_of_item.to_string());
  }

  Status choose(std::span<const size_t> batch) {
    std::vector<std::vector<int32_t>> prompts;
    std::vector<std::vector<std::string>> letters;
    for (const size_t i : batch) {
      prompts.push_back(prompts_[i].ids);
      letters.push_back(task_.items[i].candidates);
    }
    const auto logits = letter_logits(engine_, prompts, letters);
    if (!logits.ok()) return error(task_.name, ": ", logits.error().to_string());
    for (size_t row = 0; row < batch.size(); ++row) {
      Answer& answer = answers_[batch[row]];
      for (size_t k = 0; k < letters[row].size(); ++k) answer.letters.emplace_back(letters[row][k], logits.value()[row][k]);
      Sample sample;
      sample.output = letters[row][best_letter(logits.value()[row])];
      answer.samples.push_back(std::move(sample));
    }
    return {};
  }

  Result<bool> write(std::span<const size_t> batch) {
    infer::GenerateOptions options;
    options.sampling = options_.sampling;
    options.max_tokens = options_.max_new_tokens.value_or(task_.max_new_tokens);
    options.num_samples = samples_;
    if (options_.form != nullptr) options.stop_ids = options_.form->stop_ids(engine_.tokenizer());
    std::vector<std::vector<int32_t>> prompts;
    for (const size_t i : batch) {
      prompts.push_back(prompts_[i].ids);
      for (int64_t s = 0; s < samples_; ++s) options.row_numbers.push_back(s);
    }
    LATHE_TRY(const infer::Generated generated, engine_.generate_each(prompts, options, options_.is_cancelled));
    if (generated.reason == infer::StopReason::kCancelled) return false;
    for (size_t row = 0; row < generated.tokens.size(); ++row) {
      const size_t place = row / static_cast<size_t>(samples_);
      const std::span<const int32_t> tokens = std::span(generated.tokens[row]).subspan(prompts[place].size());
      Sample sample;
      sample.output = repair_utf8(engine_.tokenizer().decode(tokens));
      sample.tokens = static_cast<int64_t>(tokens.size());
      sample.finished = generated.completed[row] != 0;
      answers_[batch[place]].samples.push_back(std::move(sample));
    }
    return true;
  }

  void judge(std::span<const size_t> batch) {
    std::vector<const EvaluationItem*> items;
    std::vector<std::string> outputs;
    std::vector<Sample*> samples;
    for (const size_t i : batch)
      for (Sample& sample : answers_[i].samples) {
        items.push_back(&task_.items[i]);
        outputs.push_back(sample.output);
        samples.push_back(&sample);
      }
    std::vector<tasks::Judged> verdicts = task_.judge(items, outputs);
    require(verdicts.size() == samples.size(), "[score_task] the judge of ", task_.name, " gave ", verdicts.size(), " verdicts on ", samples.size());
    for (size_t i = 0; i < samples.size(); ++i) {
      samples[i]->answer = repair_utf8(verdicts[i].answer);
      samples[i]->correct = verdicts[i].correct;
      samples[i]->note = repair_utf8(verdicts[i].note);
    }
  }

  infer::Engine& engine_;
  const EvaluationTask& task_;
  const ScoreOptions& options_;
  int64_t samples_ = 1;
  std::vector<Prompt> prompts_;
  std::vector<Answer> answers_;
  std::vector<size_t> done_;
};

// The answers of all ranks, on each of them.
Result<std::vector<Answer>> gather(std::vector<Answer> own, dist::Communicator* ranks) {
  if (ranks == nullptr || ranks->size() == 1) return own;
  std::string lines, all;
  for (const Answer& answer : own) lines += answer.to_json().dump() + "\n";
  const auto size = static_cast<int64_t>(lines.size());
  for (int r = 0; r < ranks->size(); ++r) all += lines;
  const std::vector<int64_t> counts(static_cast<size_t>(ranks->size()), size);
  std::vector<std::byte> received;
  std::vector<int64_t> received_counts;
  LATHE_TRY_STATUS(ranks->all_to_all(all.data(), counts, dist::ElementType::kUInt8, received, received_counts));
  std::vector<Answer> out;
  for (const std::string& line : split_text(std::string_view(reinterpret_cast<const char*>(received.data()), received.size()), '\n')) {
    if (line.empty()) continue;
    LATHE_TRY(const Json json, parse_json(line));
    LATHE_TRY(Answer answer, Answer::from_json(json));
    out.push_back(std::move(answer));
  }
  return out;
}

void add_totals(TaskScore& score, const EvaluationTask& task, int64_t samples) {
  std::map<std::string, KindScore> kinds;
  std::map<int64_t, double> chances;
  for (const EvaluationItem& item : task.items) chances[item.index] = item.chance;
  std::vector<tasks::Reference> references;
  int64_t votes = 0;
  if (samples > 1) score.pass_at_k.assign(static_cast<size_t>(samples), 0);
  for (const Answer& answer : score.answers) {
    references.push_back({answer.expected, chances[answer.index]});
    score.correct += answer.correct();
    score.cut += answer.cut;
    for (const Sample& sample : answer.samples) score.unfinished += !sample.finished;
    if (!answer.kind.empty()) {
      KindScore& kind = kinds[answer.kind];
      kind.kind = answer.kind;
      ++kind.n;
      kind.correct += answer.correct();
    }
    votes += answer.vote_is_right();
    for (size_t k = 1; k <= score.pass_at_k.size(); ++k)
      score.pass_at_k[k - 1] += unbiased_pass_at_k(samples, answer.right(), static_cast<int64_t>(k));
  }
  for (auto& [name, kind] : kinds) score.kinds.push_back(std::move(kind));
  score.n = static_cast<int64_t>(score.answers.size());
  const double n = static_cast<double>(std::max<int64_t>(score.n, 1));
  score.accuracy = static_cast<double>(score.correct) / n;
  for (double& share : score.pass_at_k) share /= n;
  if (samples > 1 && task.comparable_answers) score.majority_vote = static_cast<double>(votes) / n;
  const tasks::Interval interval = tasks::wilson_interval(score.correct, score.n);
  score.low = interval.low;
  score.high = interval.high;
  const tasks::Baselines base = tasks::reference_baselines(references);
  score.majority = task.comparable_answers ? base.majority : 0;
  score.random = base.random;
}

Json settings_of(const EvaluationTask& task, const ScoreOptions& options, int64_t samples) {
  Json out = Json::object();
  out["most_prompt_tokens"] = kMostPromptTokens;
  if (task.scoring == tasks::Scoring::kCategorical) return out;
  out["max_new_tokens"] = options.max_new_tokens.value_or(task.max_new_tokens);
  out["samples"] = samples;
  out["temperature"] = options.sampling.temperature;
  if (options.sampling.temperature > 0) {
    out["top_k"] = options.sampling.top_k;
    out["seed"] = options.sampling.seed;
  }
  return out;
}

}  // namespace

std::string TaskScore::verdict() const { return chance_verdict({low, high}, random, majority, n); }

Json TaskScore::to_json() const {
  Json out = Json::object();
  out["title"] = title;
  out["scoring"] = scoring == tasks::Scoring::kCategorical ? "categorical" : "generative";
  add_share(out, {accuracy, correct, n, {low, high}, random, majority});
  out["seconds"] = seconds;
  out["cut_prompts"] = cut;
  if (scoring == tasks::Scoring::kGenerative) out["unfinished"] = unfinished;
  if (!pass_at_k.empty()) out["pass_at_k"] = Json(Json::Array(pass_at_k.begin(), pass_at_k.end()));
  if (majority_vote) {
    const tasks::Interval interval = tasks::wilson_interval(static_cast<int64_t>(*majority_vote * static_cast<double>(n) + 0.5), n);
    out["majority_vote"] = Json(Json::Object{{"accuracy", *majority_vote}, {"low", interval.low}, {"high", interval.high}});
  }
  if (!kinds.empty()) {
    Json by_kind = Json::object();
    for (const KindScore& kind : kinds) by_kind[kind.kind] = Json(Json::Object{{"n", kind.n}, {"correct", kind.correct}});
    out["kinds"] = std::move(by_kind);
  }
  out["settings"] = settings;
  out["data"] = data;
  out["answers"] = task + ".jsonl";
  return out;
}

Result<TaskScore> score_task(infer::Engine& engine, const EvaluationTask& task, const ScoreOptions& options) {
  const double start = Clock::real().seconds();
  TaskScore score;
  score.task = task.name;
  score.title = task.title;
  score.scoring = task.scoring;
  Scorer scorer(engine, task, options);
  LATHE_TRY_STATUS(scorer.prepare());
  score.settings = settings_of(task, options, scorer.samples());
  const std::vector<std::vector<size_t>> batches = scorer.batches();
  const size_t world = options.ranks != nullptr ? static_cast<size_t>(options.ranks->size()) : 1;
  int64_t done = 0, correct = 0;
  for (size_t b = options.ranks != nullptr ? static_cast<size_t>(options.ranks->rank()) : 0; b < batches.size(); b += world) {
    if (options.is_cancelled && options.is_cancelled()) break;
    LATHE_TRY(const bool complete, scorer.answer_batch(batches[b]));
    if (!complete) break;
    for (const size_t i : batches[b]) correct += scorer.answer(i).correct();
    done += static_cast<int64_t>(batches[b].size());
    if (options.on_batch) options.on_batch(done, correct);
  }
  LATHE_TRY(score.answers, gather(scorer.take_answers(), options.ranks));
  std::sort(score.answers.begin(), score.answers.end(), [](const Answer& a, const Answer& b) { return a.index < b.index; });
  score.seconds = Clock::real().seconds() - start;
  add_totals(score, task, scorer.samples());
  return score;
}

Status write_scores(const fs::path& folder, const Json& about, std::span<const TaskScore> scores) {
  std::vector<std::pair<std::string, Json>> figures;
  for (const TaskScore& score : scores) {
    std::vector<Json> answers;
    for (const Answer& answer : score.answers) answers.push_back(answer.to_json());
    LATHE_TRY_STATUS(write_answers(folder / (score.task + ".jsonl"), answers));
    figures.emplace_back(score.task, score.to_json());
  }
  return update_summary(folder, about, "tasks", figures);
}

}  // namespace lathe::eval
