#include "eval/core_score.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "core/check.h"
#include "core/clock.h"
#include "core/rng.h"
#include "core/text.h"
#include "eval/results.h"
#include "eval/statistics.h"
#include "infer/transformer_model.h"

namespace lathe::eval {
namespace {

// The share of the right answer that occurs most often: an option's number, or in language modelling a text.
double majority_of(const CoreTask& task, std::span<const CoreItem> items) {
  std::map<std::string, int64_t> counts;
  int64_t most = 0;
  for (const CoreItem& item : items)
    most = std::max(most, ++counts[task.kind == CoreKind::kLanguageModelling ? item.continuation : std::to_string(item.gold)]);
  return static_cast<double>(most) / static_cast<double>(items.size());
}

Json answer_of(const tokenizer::Tokenizer& tokenizer, const CoreTask& task, std::span<const CoreItem> items, int64_t index,
               const CorePrompt& prompt, std::span<const SpanLosses> losses, const CoreVerdict& verdict) {
  const CoreItem& item = items[static_cast<size_t>(index)];
  Json out = Json::object();
  out["index"] = index;
  out["row"] = item.row;
  Json examples = Json::array();
  for (const int64_t i : prompt.examples) examples.push_back(items[static_cast<size_t>(i)].row);
  out["examples"] = std::move(examples);
  out["prompt"] = task.kind == CoreKind::kSchema ? item.continuation : item.context;
  Json values = Json::array();
  if (task.kind == CoreKind::kLanguageModelling) {
    for (const float nll : losses[0].nll) values.push_back(static_cast<double>(nll));
    out["output"] = tokenizer.decode(losses[0].predicted);
    out["expected"] = item.continuation;
  } else {
    Json options = Json::array();
    for (const std::string& option : item.options) options.push_back(option);
    out["options"] = std::move(options);
    for (const SpanLosses& option : losses) values.push_back(option.nll.empty() ? Json() : Json(option.mean()));
    out["output"] = item.options[static_cast<size_t>(verdict.choice)];
    out["answer"] = verdict.choice;
    out["expected"] = item.options[static_cast<size_t>(item.gold)];
  }
  if (task.kind == CoreKind::kLanguageModelling) out["answer"] = out.at("output");
  out["losses"] = std::move(values);
  out["correct"] = verdict.correct;
  return out;
}

// What each rank has of the answers, on rank 0 in the items' order.
Result<std::vector<Json>> gather_answers(std::vector<Json> own, dist::Communicator& world) {
  if (world.size() == 1) return own;
  std::string text;
  for (const Json& answer : own) text += answer.dump() + "\n";
  std::vector<int64_t> counts(static_cast<size_t>(world.size()), 0), received;
  counts[0] = static_cast<int64_t>(text.size());
  std::vector<std::byte> bytes;
  LATHE_TRY_STATUS(world.all_to_all(text.data(), counts, dist::ElementType::kUInt8, bytes, received));
  std::vector<Json> out;
  for (const std::string& line : split_text({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, '\n')) {
    if (line.empty()) continue;
    LATHE_TRY(out.emplace_back(), parse_json(line, "the ranks' answers"));
  }
  std::sort(out.begin(), out.end(), [](const Json& a, const Json& b) { return a.at("index").as_int() < b.at("index").as_int(); });
  return out;
}

}  // namespace

void CoreScore::set_result(int64_t right, int64_t items, double random_percent) {
  correct = right;
  n = items;
  accuracy = static_cast<double>(static_cast<float>(right) / static_cast<float>(items));
  random_baseline = 0.01 * random_percent;
  centered = (accuracy - random_baseline) / (1 - random_baseline);
  const tasks::Interval interval = tasks::wilson_interval(right, items);
  low = interval.low;
  high = interval.high;
}

std::string CoreScore::verdict() const { return chance_verdict({low, high}, random_baseline, majority, n); }

Json CoreScore::figure() const {
  Json out = Json::object();
  add_share(out, {accuracy, correct, n, {low, high}, random_baseline, majority});
  out["centered"] = centered;
  out["type"] = core_kind_name(kind);
  out["num_fewshot"] = num_fewshot;
  out["undecided"] = undecided;
  out["cropped"] = cropped;
  out["tokens"] = tokens;
  out["seconds"] = seconds;
  return out;
}

std::string CoreScore::line() const {
  std::string out = format_text("%s (%lld-shot, type: %s): accuracy: %.4f | centered: %.4f | time: %.2fs", label.c_str(), static_cast<long long>(num_fewshot),
                                core_kind_name(kind), accuracy, centered, seconds);
  out += format_text(" | 95 %%: %.4f to %.4f, random %.4f, majority %.4f, n %lld: ", low, high, random_baseline, majority, static_cast<long long>(n)) + verdict();
  if (undecided > 0) out += join_text(" | ", undecided, " with an empty option");
  if (cropped > 0) out += join_text(" | ", cropped, " cropped");
  return out;
}

Result<std::vector<CorePrompt>> core_item_prompts(const tokenizer::Tokenizer& tokenizer, const CoreTask& task, std::span<const CoreItem> items,
                                                  std::span<const int64_t> which, int64_t max_tokens) {
  if (!tokenizer.find_bos()) return error("the tokenizer has no token that begins a text, and CORE's prompts begin with one");
  const auto about = [&](int64_t index) { return join_text("task ", task.label, ", row ", items[static_cast<size_t>(index)].row, ": "); };
  std::vector<CorePrompt> prompts(which.size());
  std::vector<std::string> texts;
  std::vector<size_t> firsts;  // of an item's texts
  for (size_t i = 0; i < which.size(); ++i) {
    auto drawn = few_shot_examples(static_cast<int64_t>(items.size()), which[i], task.num_fewshot);
    if (!drawn.ok()) return error(about(which[i]), drawn.error().to_string());
    prompts[i].examples = std::move(drawn).value();
    std::vector<const CoreItem*> examples;
    for (const int64_t example : prompts[i].examples) examples.push_back(&items[static_cast<size_t>(example)]);
    firsts.push_back(texts.size());
    for (std::string& text : core_prompts(task, examples, items[static_cast<size_t>(which[i])])) texts.push_back(std::move(text));
  }
  firsts.push_back(texts.size());
  tokenizer::EncodeOptions with_bos;
  with_bos.prepend = tokenizer.bos_id();
  std::vector<std::vector<int32_t>> tokens = tokenizer.encode_batch(std::span<const std::string>(texts), with_bos);
  for (size_t i = 0; i < which.size(); ++i) {
    const auto begin = tokens.begin() + static_cast<std::ptrdiff_t>(firsts[i]), end = tokens.begin() + static_cast<std::ptrdiff_t>(firsts[i + 1]);
    auto spans = core_spans(task.kind, {std::make_move_iterator(begin), std::make_move_iterator(end)});
    if (!spans.ok()) return error(about(which[i]), spans.error().to_string());
    prompts[i].spans = std::move(spans).value();
    for (ScoredSpan& span : prompts[i].spans) {
      const size_t before = span.ids.size();
      if (max_tokens > 0 && !crop_left(span, max_tokens))
        return error(about(which[i]), "what is scored does not fit into ", max_tokens, " tokens with one token before it");
      prompts[i].cropped = prompts[i].cropped || span.ids.size() != before;
    }
  }
  return prompts;
}

CoreVerdict judge_core_item(const CoreTask& task, const CoreItem& item, std::span<const SpanLosses> losses) {
  CoreVerdict verdict;
  if (task.kind == CoreKind::kLanguageModelling) {
    verdict.correct = losses[0].all_predicted;
    return verdict;
  }
  verdict.choice = 0;
  for (size_t i = 0; i < losses.size(); ++i) {
    verdict.undecided = verdict.undecided || losses[i].nll.empty();
    // No number is below or above NaN: in first place it stays, elsewhere it is passed over.
    if (losses[i].mean() < losses[static_cast<size_t>(verdict.choice)].mean()) verdict.choice = static_cast<int64_t>(i);
  }
  verdict.correct = verdict.choice == item.gold;
  return verdict;
}

Result<CoreScore> score_core_task(model::Transformer& model, ops::Context& ctx, const tokenizer::Tokenizer& tokenizer, const CoreTask& task,
                                  std::span<const CoreItem> items, dist::Communicator& world, const CoreOptions& options) {
  const double start = Clock::real().seconds();
  if (items.empty()) return error("task ", task.label, " has no items");
  const int64_t positions = infer::TransformerModel(model).context_limit();
  const int64_t max_tokens = options.max_tokens > 0 ? std::min(options.max_tokens, positions) : positions;
  std::vector<int64_t> which;
  for (auto i = static_cast<int64_t>(world.rank()); i < static_cast<int64_t>(items.size()); i += world.size()) which.push_back(i);
  LATHE_TRY(std::vector<CorePrompt> prompts, core_item_prompts(tokenizer, task, items, which, max_tokens));
  std::vector<std::vector<ScoredSpan>> groups;
  for (CorePrompt& prompt : prompts) groups.push_back(std::move(prompt.spans));
  LATHE_TRY(const auto losses, score_spans(model, ctx, groups, options.likelihood));

  CoreScore score;
  score.label = task.label;
  score.kind = task.kind;
  score.num_fewshot = task.num_fewshot;
  score.n = static_cast<int64_t>(items.size());
  std::vector<float> right(items.size(), 0);  // every rank fills in its own
  std::vector<int64_t> counts(3, 0);          // undecided, cropped, tokens
  for (size_t i = 0; i < which.size(); ++i) {
    const CoreItem& item = items[static_cast<size_t>(which[i])];
    const CoreVerdict verdict = judge_core_item(task, item, losses[i]);
    right[static_cast<size_t>(which[i])] = verdict.correct ? 1.0f : 0.0f;
    counts[0] += verdict.undecided;
    counts[1] += prompts[i].cropped;
    for (const ScoredSpan& span : groups[i]) counts[2] += static_cast<int64_t>(span.ids.size());
    if (options.answers) score.answers.push_back(answer_of(tokenizer, task, items, which[i], prompts[i], losses[i], verdict));
  }
  LATHE_TRY_STATUS(world.all_reduce(right.data(), score.n, dist::ElementType::kFloat32, dist::Reduction::kSum));
  LATHE_TRY_STATUS(world.all_reduce(counts.data(), 3, dist::ElementType::kInt64, dist::Reduction::kSum));
  LATHE_TRY(score.answers, gather_answers(std::move(score.answers), world));
  score.undecided = counts[0];
  score.cropped = counts[1];
  score.tokens = counts[2];
  score.set_result(std::count(right.begin(), right.end(), 1.0f), score.n, task.random_baseline);
  score.majority = majority_of(task, items);
  score.seconds = Clock::real().seconds() - start;
  return score;
}

double core_metric(std::span<const CoreScore> scores) {
  std::vector<double> values;
  for (const CoreScore& score : scores) values.push_back(score.centered);
  return mean_of(values);
}

tasks::Interval core_interval(std::span<const CoreScore> scores, int64_t resamples) {
  require(resamples >= 1, "[core] ", resamples, " resamples");
  if (scores.empty()) return {0, 0};
  Rng rng(1337, "eval/core_interval");
  std::vector<double> metrics(static_cast<size_t>(resamples), 0);
  for (double& metric : metrics) {
    for (const CoreScore& score : scores) {
      int64_t right = 0;
      for (int64_t i = 0; i < score.n; ++i) right += static_cast<int64_t>(rng.below(static_cast<uint64_t>(score.n))) < score.correct;
      const double accuracy = static_cast<double>(right) / static_cast<double>(score.n);
      metric += (accuracy - score.random_baseline) / (1 - score.random_baseline) / static_cast<double>(scores.size());
    }
  }
  std::sort(metrics.begin(), metrics.end());
  const auto at = [&](double q) { return metrics[static_cast<size_t>(q * static_cast<double>(resamples - 1) + 0.5)]; };
  return {at(0.025), at(0.975)};
}

std::string core_csv(std::span<const CoreScore> scores) {
  const auto line = [](const std::string& task, const std::string& accuracy, const std::string& centered) {
    return format_text("%-35s, %-10s, %-10s\n", task.c_str(), accuracy.c_str(), centered.c_str());
  };
  std::string out = line("Task", "Accuracy", "Centered");
  for (const CoreScore& score : scores) out += line(score.label, format_text("%.6f", score.accuracy), format_text("%.6f", score.centered));
  return out + line("CORE", "", format_text("%.6f", core_metric(scores)));
}

}  // namespace lathe::eval
