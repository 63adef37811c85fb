#include "eval/boolq.h"

#include <algorithm>

#include "data/line_reader.h"
#include "eval/results.h"
#include "eval/statistics.h"

namespace lathe::eval {
namespace {

constexpr std::string_view kPassage = "Passage: ", kQuestion = "\nQuestion: ";

std::string_view without_mark(std::string_view question) {
  question = trim_text(question);
  while (question.ends_with('?')) question = trim_text(question.substr(0, question.size() - 1));
  return question;
}

// Null when the value is neither a truth value nor 0 or 1.
const bool* truth(const Json& value) {
  static constexpr bool kValues[] = {false, true};
  if (value.is_bool()) return &kValues[value.as_bool() ? 1 : 0];
  if (value.is_int() && (value.as_int() == 0 || value.as_int() == 1)) return &kValues[value.as_int()];
  return nullptr;
}

Result<BoolqItem> from_core(const Json& json, const std::string& path, int64_t line) {
  const auto bad = [&](const char* what) { return error_at(path, -1, "line ", line, ": ", what); };
  const Json *query = json.find("query"), *choices = json.find("choices"), *gold = json.find("gold");
  if (!query->is_string() || choices == nullptr || !choices->is_array() || gold == nullptr || !gold->is_int())
    return bad("needs the keys query (text), choices (list) and gold (number)");
  const std::string_view text = query->as_string();
  const size_t at = text.rfind(kQuestion);  // a passage may hold the word itself
  if (!text.starts_with(kPassage) || at == text.npos || at < kPassage.size())
    return bad("query is not \"Passage: ...\", line break, \"Question: ...\"");
  if (gold->as_int() < 0 || static_cast<size_t>(gold->as_int()) >= choices->size() || !choices->at(static_cast<size_t>(gold->as_int())).is_string())
    return bad("gold names no text among the choices");
  const std::string& answer = choices->at(static_cast<size_t>(gold->as_int())).as_string();
  if (answer != "yes" && answer != "no") return bad("the choices are not yes and no");
  return BoolqItem{std::string(text.substr(kPassage.size(), at - kPassage.size())), std::string(without_mark(text.substr(at + kQuestion.size()))),
                   answer == "yes"};
}

Result<BoolqItem> from_own(const Json& json, const std::string& path, int64_t line) {
  const Json *passage = json.find("passage"), *question = json.find("question");
  const Json* answer = json.contains("answer") ? json.find("answer") : json.find("label");
  const bool* yes = answer == nullptr ? nullptr : truth(*answer);
  if (passage == nullptr || !passage->is_string() || question == nullptr || !question->is_string() || yes == nullptr)
    return error_at(path, -1, "line ", line, ": needs the keys passage, question (texts) and answer or label (true or false)");
  return BoolqItem{passage->as_string(), std::string(without_mark(question->as_string())), *yes};
}

}  // namespace

std::string BoolqItem::prompt() const { return join_text(passage, kQuestion, question, "?\nAnswer:"); }

Result<std::vector<BoolqItem>> read_boolq(const fs::path& file) {
  LATHE_TRY(const std::unique_ptr<data::LineReader> lines, data::LineReader::open(file));
  std::vector<BoolqItem> items;
  for (std::string_view line;;) {
    LATHE_TRY(const bool more, lines->next(line));
    if (!more) break;
    if (trim_text(line).empty()) continue;
    const int64_t number = lines->line_number();
    const Result<Json> json = parse_json(line, file.string());
    if (!json.ok()) return error_at(file.string(), -1, "line ", number, ": ", json.error().message);
    if (!json.value().is_object()) return error_at(file.string(), -1, "line ", number, ": is no JSON object");
    LATHE_TRY(BoolqItem item, json.value().contains("query") ? from_core(json.value(), file.string(), number) : from_own(json.value(), file.string(), number));
    items.push_back(std::move(item));
  }
  if (items.empty()) return error_at(file.string(), -1, "holds no question");
  return items;
}

double BoolqScore::majority() const { return n == 0 ? 0 : static_cast<double>(std::max(yes, n - yes)) / static_cast<double>(n); }
tasks::Interval BoolqScore::interval() const { return tasks::wilson_interval(correct, n); }
std::string BoolqScore::verdict() const { return chance_verdict(interval(), 0.5, majority(), n); }

std::vector<uint8_t> BoolqScore::outcomes() const {
  std::vector<uint8_t> out;
  for (const BoolqAnswer& answer : answers) out.push_back(answer.correct);
  return out;
}

Json BoolqScore::to_json() const {
  Json out = Json::object();
  add_share(out, {accuracy(), correct, n, interval(), 0.5, majority()});
  out["says_yes"] = says_yes;
  out["full_set"] = n == kBoolqValidation;
  out["passages_cut"] = cut;
  return out;
}

Result<BoolqScore> score_boolq(model::Transformer& model, const tokenizer::Tokenizer& tokenizer, ops::Context& ctx, std::span<const BoolqItem> items,
                               const BoolqOptions& options) {
  if (options.max_samples == 0 || options.max_samples < -1) return error_at("max_samples", -1, "must be at least 1, or -1 for all");
  if (options.max_samples > 0) items = items.first(std::min(items.size(), static_cast<size_t>(options.max_samples)));
  BoolqScore out;
  const int64_t positions = model.config().sequence_len;
  std::vector<std::vector<ScoredSpan>> groups;
  for (const BoolqItem& item : items) {
    const std::string prompt = item.prompt();
    const std::vector<int32_t> context = tokenizer.encode(prompt), yes = tokenizer.encode(prompt + " yes"), no = tokenizer.encode(prompt + " no");
    // A passage that is too long loses its beginning, the same for both answers.
    const int64_t room = positions - (options.start ? 1 : 0);
    const int64_t surplus = std::max<int64_t>(0, std::ssize(yes.size() > no.size() ? yes : no) - room);
    out.cut += surplus > 0;
    std::vector<ScoredSpan> group;
    for (const std::vector<int32_t>* ids : {&yes, &no}) {
      // The answer is what the joined text has beyond the prompt's own tokens.
      const auto parted = std::mismatch(context.begin(), context.end(), ids->begin(), ids->end()).second;
      const int64_t tail = std::max<int64_t>(1, ids->end() - parted);
      ScoredSpan span;
      span.ids = *ids;
      span.ids.erase(span.ids.begin(), span.ids.begin() + std::min(surplus, std::ssize(*ids)));
      if (options.start) span.ids.insert(span.ids.begin(), *options.start);
      span.end = std::ssize(span.ids);
      span.start = span.end - tail;
      if (span.start < 1) return error("the model's context of ", positions, " tokens has no room for a question and its answer");
      group.push_back(std::move(span));
    }
    groups.push_back(std::move(group));
  }
  LikelihoodOptions how;
  how.batch_tokens = options.batch_tokens;
  how.is_cancelled = options.is_cancelled;
  if (options.on_progress) how.on_progress = [&](int64_t texts) { options.on_progress(texts / 2, std::ssize(items)); };
  LATHE_TRY(const std::vector<std::vector<SpanLosses>> losses, score_spans(model, ctx, groups, how));
  for (size_t i = 0; i < items.size(); ++i) {
    BoolqAnswer answer{-losses[i][0].sum(), -losses[i][1].sum(), false, false};
    answer.says_yes = answer.yes > answer.no;
    answer.correct = answer.says_yes == items[i].yes;
    ++out.n;
    out.correct += answer.correct;
    out.yes += items[i].yes;
    out.says_yes += answer.says_yes;
    out.answers.push_back(answer);
  }
  return out;
}

std::vector<Json> boolq_answers(std::span<const BoolqItem> items, const BoolqScore& score) {
  std::vector<Json> out;
  for (size_t i = 0; i < score.answers.size(); ++i) {
    const BoolqAnswer& answer = score.answers[i];
    const char* said = answer.says_yes ? "yes" : "no";
    Json line = Json::object();
    line["index"] = static_cast<int64_t>(i);
    line["prompt"] = items[i].prompt();
    line["output"] = said;
    line["answer"] = said;
    line["expected"] = items[i].yes ? "yes" : "no";
    line["correct"] = answer.correct;
    line["log_p_yes"] = answer.yes;
    line["log_p_no"] = answer.no;
    out.push_back(std::move(line));
  }
  return out;
}

}  // namespace lathe::eval
