#include "tokenizer/foreign_split.h"

#include <map>
#include <mutex>

#include "tokenizer/regex_step.h"

namespace lathe::tokenizer {
namespace {

class KnownStep : public SplitStep {
 public:
  explicit KnownStep(const SplitPattern& known) : known_(known) {}
  void split(std::string_view text, std::vector<std::string_view>& pieces,
             std::vector<std::unique_ptr<std::string>>&) const override {
    for_each_piece(known_, text, [&](std::string_view piece) { pieces.push_back(piece); });
  }

 private:
  const SplitPattern& known_;
};

class PrefixStep : public SplitStep {
 public:
  void split(std::string_view text, std::vector<std::string_view>& pieces,
             std::vector<std::unique_ptr<std::string>>& made) const override {
    if (text.starts_with(' ')) {
      pieces.push_back(text);
      return;
    }
    made.push_back(std::make_unique<std::string>(join_text(' ', text)));
    pieces.push_back(*made.back());
  }
};

using Steps = std::vector<std::unique_ptr<SplitStep>>;

std::string text_at(const Json& object, const char* key) {
  const Json* value = object.find(key);
  return value && value->is_string() ? value->as_string() : "";
}

Result<bool> flag_at(const Json& object, const char* key, bool fallback) {
  const Json* value = object.find(key);
  if (!value) return fallback;
  if (!value->is_bool()) return error("\"pre_tokenizer.", key, "\" must be true or false");
  return value->as_bool();
}

Result<SplitBehavior> behavior_of(const Json& step, SplitBehavior fallback) {
  static const std::map<std::string, SplitBehavior> kNames = {
      {"Removed", SplitBehavior::kRemoved},
      {"Isolated", SplitBehavior::kIsolated},
      {"MergedWithPrevious", SplitBehavior::kMergedWithPrevious},
      {"MergedWithNext", SplitBehavior::kMergedWithNext},
      {"Contiguous", SplitBehavior::kContiguous}};
  if (!step.find("behavior")) return fallback;
  const auto found = kNames.find(text_at(step, "behavior"));
  if (found == kNames.end()) return error("\"pre_tokenizer.behavior\" ", step.find("behavior")->dump(), " is not supported");
  return found->second;
}

Status add_regex(const std::string& regex, SplitBehavior behavior, bool invert, Steps& steps) {
  auto step = make_regex_step(regex, behavior, invert);
  if (!step.ok()) return error("\"pre_tokenizer.pattern\": ", step.error().message);
  steps.push_back(std::move(step).value());
  return {};
}

Status add_split(const Json& step, Steps& steps) {
  const Json* pattern = step.find("pattern");
  const Json* regex = pattern ? pattern->find("Regex") : nullptr;
  const Json* text = pattern ? pattern->find("String") : nullptr;
  if (!(regex && regex->is_string()) && !(text && text->is_string() && !text->as_string().empty()))
    return error("\"pre_tokenizer.pattern\" must have a \"Regex\" or a \"String\"");
  LATHE_TRY(const bool invert, flag_at(step, "invert", false));
  LATHE_TRY(const SplitBehavior behavior, behavior_of(step, SplitBehavior::kIsolated));
  // A known pattern matches every character, so nothing is between its matches.
  if (const SplitPattern* known = regex ? find_split(regex->as_string()) : nullptr;
      known && (invert ? behavior == SplitBehavior::kRemoved : behavior == SplitBehavior::kIsolated)) {
    steps.push_back(std::make_unique<KnownStep>(*known));
    return {};
  }
  return add_regex(regex ? regex->as_string() : quoted_regex(text->as_string()), behavior, invert, steps);
}

Status add_step(const Json& step, Steps& steps) {
  const std::string type = text_at(step, "type");
  if (type == "Split") return add_split(step, steps);
  if (type == "Digits") {
    LATHE_TRY(const bool each, flag_at(step, "individual_digits", false));
    return add_regex("\\p{N}", each ? SplitBehavior::kIsolated : SplitBehavior::kContiguous, false, steps);
  }
  if (type == "Punctuation") {
    LATHE_TRY(const SplitBehavior behavior, behavior_of(step, SplitBehavior::kIsolated));
    return add_regex("[!-/:-@\\[-`{-~\\p{P}]", behavior, false, steps);
  }
  if (type == "Whitespace") return add_regex("\\w+|[^\\w\\s]+", SplitBehavior::kRemoved, true, steps);
  if (type == "WhitespaceSplit") return add_regex("\\s", SplitBehavior::kRemoved, false, steps);
  if (type == "ByteLevel") {
    LATHE_TRY(const bool prefix, flag_at(step, "add_prefix_space", true));
    LATHE_TRY(const bool own_regex, flag_at(step, "use_regex", true));
    if (prefix) steps.push_back(std::make_unique<PrefixStep>());
    if (own_regex) steps.push_back(std::make_unique<KnownStep>(*find_split_name("gpt2")));
    return {};
  }
  return error("\"pre_tokenizer\" of type ", type, " is not supported");
}

// Patterns live on: models refer to them, and their texts are their names.
struct Entry {
  std::string text;
  std::unique_ptr<ForeignSplit> split;
  SplitPattern pattern;
};

Result<const SplitPattern*> interned(std::string text, const Json& steps) {
  static std::mutex mutex;
  static std::map<std::string, std::unique_ptr<Entry>> entries;
  const std::lock_guard lock(mutex);
  if (const auto found = entries.find(text); found != entries.end()) return &found->second->pattern;
  Steps parts;
  for (const Json& step : steps.as_array()) LATHE_TRY_STATUS(add_step(step, parts));
  auto entry = std::make_unique<Entry>();
  entry->text = std::move(text);
  entry->split = std::make_unique<ForeignSplit>(steps, std::move(parts));
  entry->pattern = {"foreign", entry->text, entry->text, nullptr, {}, entry->split.get()};
  return &entries.emplace(entry->text, std::move(entry)).first->second->pattern;
}

Json split_step(std::string_view regex) {
  return Json(Json::Object{{"type", "Split"},
                           {"pattern", Json(Json::Object{{"Regex", std::string(regex)}})},
                           {"behavior", "Isolated"},
                           {"invert", false}});
}

}  // namespace

ForeignSplit::Pieces ForeignSplit::pieces(std::string_view text) const {
  Pieces result;
  if (text.empty()) return result;
  result.pieces.push_back(text);
  for (const auto& part : parts_) {
    std::vector<std::string_view> next;
    for (const std::string_view piece : result.pieces) part->split(piece, next, result.made);
    result.pieces = std::move(next);
  }
  return result;
}

Result<const SplitPattern*> regex_split(std::string_view regex) {
  if (const SplitPattern* known = find_split(regex)) return known;
  return interned(std::string(regex), Json(Json::Array{split_step(regex)}));
}

Result<const SplitPattern*> sequence_split(const Json& steps) {
  if (!steps.is_array()) return error("\"pre_tokenizer.pretokenizers\" must be an array");
  return interned(steps.dump(), steps);
}

Result<const SplitPattern*> split_from_text(std::string_view text) {
  if (!text.starts_with("[{\"type\":")) return regex_split(text);
  LATHE_TRY(const Json steps, parse_json(text));
  return sequence_split(steps);
}

void for_each_foreign_piece(const SplitPattern& split, std::string_view text, void* context,
                            void (*visit)(void* context, std::string_view piece)) {
  const ForeignSplit::Pieces pieces = split.foreign->pieces(text);
  for (const std::string_view piece : pieces.pieces) visit(context, piece);
}

}  // namespace lathe::tokenizer
