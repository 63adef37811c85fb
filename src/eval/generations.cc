#include "eval/generations.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <set>
#include <utility>

#include "eval/statistics.h"

namespace lathe::eval {
namespace {

// Of templates that are plain text, at the beginning of a line.
constexpr std::array<std::string_view, 4> kPlainMarkers = {"### Instruction:", "### Response:", "Human:", "Assistant:"};

bool starts_a_line(const std::string& text, std::string_view marker) {
  for (size_t at = text.find(marker); at != text.npos; at = text.find(marker, at + 1))
    if (at == 0 || text[at - 1] == '\n') return true;
  return false;
}

bool holds_marker(const std::string& text, const tokenizer::Tokenizer& tokenizer) {
  for (const char* marker : {"<|im_start|>", "<|im_end|>"})
    if (text.find(marker) != text.npos) return true;
  for (const std::string& name : tokenizer.special_tokens())
    if (name.size() > 1 && text.find(name) != text.npos) return true;
  return std::any_of(kPlainMarkers.begin(), kPlainMarkers.end(), [&](std::string_view marker) { return starts_a_line(text, marker); });
}

Generation make(const tokenizer::Tokenizer& tokenizer, std::span<const int32_t> answer, bool stopped, const tokenizer::ChatTemplate* form) {
  std::vector<int32_t> plain;
  for (const int32_t id : answer)
    if (!tokenizer.is_special(id)) plain.push_back(id);
  Generation out;
  out.text = tokenizer.decode(plain);
  if (form != nullptr) out.text = form->shown(std::move(out.text));
  out.tokens = std::ssize(answer);
  out.stopped = stopped;
  out.leaked = plain.size() < answer.size() || holds_marker(out.text, tokenizer);
  return out;
}

std::vector<std::string> words_of(const std::string& text) {
  std::vector<std::string> words;
  std::string word;
  for (const char c : text) {
    const bool space = c == ' ' || (c >= '\t' && c <= '\r');
    if (!space) word += c;
    if (space && !word.empty()) words.push_back(std::exchange(word, {}));
  }
  if (!word.empty()) words.push_back(word);
  return words;
}

// take(run) for every run of n words.
template <class Take>
void each_run(const std::vector<std::string>& words, size_t n, Take&& take) {
  for (size_t i = 0; i + n <= words.size(); ++i) {
    std::string run;
    for (size_t j = i; j < i + n; ++j) run += words[j] + '\n';
    take(std::move(run));
  }
}

Json share(int64_t count, int64_t n) {
  const tasks::Interval range = tasks::wilson_interval(count, n);
  Json out = Json::object();
  out["value"] = n == 0 ? 0.0 : static_cast<double>(count) / static_cast<double>(n);
  out["n"] = n;
  out["low"] = range.low;
  out["high"] = range.high;
  return out;
}

}  // namespace

Result<std::vector<Generation>> generate_texts(infer::Engine& engine, std::span<const std::vector<int32_t>> prompts, const GenerationOptions& options) {
  const int64_t positions = engine.model().sequence_len();
  std::vector<Generation> out(prompts.size());
  // Prompts with room for a whole answer go together, the others by the room they have.
  std::vector<std::pair<int64_t, size_t>> order;
  for (size_t i = 0; i < prompts.size(); ++i) {
    const int64_t room = std::min(options.max_new_tokens, positions - std::ssize(prompts[i]));
    out[i].no_room = room < 1;
    if (room >= 1) order.emplace_back(room, i);
  }
  std::stable_sort(order.begin(), order.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
  for (size_t begin = 0, end = 0; begin < order.size(); begin = end) {
    infer::GenerateOptions how;
    how.sampling = options.sampling;
    how.max_tokens = order[begin].first;
    how.stop_ids = options.stop_ids;
    std::vector<std::vector<int32_t>> some;
    for (; end < order.size() && order[end].first == order[begin].first; ++end) {
      some.push_back(prompts[order[end].second]);
      how.row_numbers.push_back(static_cast<int64_t>(order[end].second));
    }
    LATHE_TRY(const infer::Generated generated, engine.generate_each(some, how, options.is_cancelled));
    if (generated.reason == infer::StopReason::kCancelled) return error("cancelled");
    for (size_t i = begin; i < end; ++i) {
      const std::vector<int32_t>& row = generated.tokens.at(i - begin);
      out[order[i].second] = make(engine.tokenizer(), std::span(row).subspan(some[i - begin].size()), generated.completed.at(i - begin) != 0, options.chat_template);
    }
  }
  return out;
}

double repeated_share(const std::string& text, int64_t n) {
  std::set<std::string> seen;
  int64_t runs = 0;
  each_run(words_of(text), static_cast<size_t>(n), [&](std::string run) {
    ++runs;
    seen.insert(std::move(run));
  });
  return runs == 0 ? 0 : 1 - static_cast<double>(seen.size()) / static_cast<double>(runs);
}

GenerationQuality measure_quality(std::span<const Generation> texts, int64_t min_words, int64_t max_words) {
  GenerationQuality out;
  out.min_words = min_words;
  out.max_words = max_words;
  std::array<std::set<std::string>, 3> seen;
  std::array<int64_t, 3> runs{};
  for (const Generation& one : texts) {
    const std::vector<std::string> words = words_of(one.text);
    const int64_t count = std::ssize(words);
    ++out.n;
    out.stopped += one.stopped;
    out.empty += count == 0;
    out.in_range += count >= min_words && count <= max_words;
    out.leaked += one.leaked;
    out.no_room += one.no_room;
    out.mean_words += static_cast<double>(count);
    out.mean_tokens += static_cast<double>(one.tokens);
    out.repeated.push_back(repeated_share(one.text, 4));
    for (size_t n = 0; n < 3; ++n)
      each_run(words, n + 1, [&](std::string run) {
        ++runs[n];
        seen[n].insert(std::move(run));
      });
  }
  if (out.n > 0) {
    out.mean_words /= static_cast<double>(out.n);
    out.mean_tokens /= static_cast<double>(out.n);
  }
  for (size_t n = 0; n < 3; ++n) out.distinct[n] = runs[n] == 0 ? 0 : static_cast<double>(seen[n].size()) / static_cast<double>(runs[n]);
  return out;
}

Json GenerationQuality::to_json() const {
  Json out = Json::object();
  out["stopped_by_itself"] = share(stopped, n);
  out["empty"] = share(empty, n);
  out["length_in_range"] = share(in_range, n);
  out["length_in_range"]["settings"] = Json(Json::Object{{"min_words", min_words}, {"max_words", max_words}});
  out["template_leakage"] = share(leaked, n);
  out["no_room"] = share(no_room, n);
  const tasks::Interval range = bootstrap_mean_interval(repeated);
  out["repeated_4_grams"] = Json(Json::Object{{"value", mean_of(repeated)}, {"n", n}, {"low", range.low}, {"high", range.high}});
  for (int i = 0; i < 3; ++i) out[join_text("distinct_", i + 1)] = Json(Json::Object{{"value", distinct[i]}, {"n", n}});
  out["mean_words"] = Json(Json::Object{{"value", mean_words}, {"n", n}});
  out["mean_tokens"] = Json(Json::Object{{"value", mean_tokens}, {"n", n}});
  return out;
}

}  // namespace lathe::eval
