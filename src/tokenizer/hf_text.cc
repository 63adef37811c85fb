#include "tokenizer/hf_text.h"

#include <string_view>
#include <vector>

namespace lathe::tokenizer {
namespace {

constexpr std::string_view kBlank = "\u2581";

std::string text_of(const Json& object, std::string_view key) {
  const Json* value = object.find(key);
  return value && value->is_string() ? value->as_string() : "";
}

// The steps of a Sequence, or the value itself; nothing for null.
std::vector<const Json*> steps_of(const Json* value, std::string_view list_name) {
  std::vector<const Json*> steps;
  if (!value || value->is_null()) return steps;
  const Json* list = text_of(*value, "type") == "Sequence" ? value->find(list_name) : nullptr;
  if (!list || !list->is_array()) return {value};
  for (const Json& step : list->as_array()) steps.push_back(&step);
  return steps;
}

bool is_number(const Json& object, std::string_view key, int64_t wanted) {
  const Json* value = object.find(key);
  return value && value->is_int() && value->as_int() == wanted;
}

bool replaces(const Json& step, std::string_view from, std::string_view to) {
  const Json* pattern = step.find("pattern");
  return text_of(step, "type") == "Replace" && pattern && text_of(*pattern, "String") == from &&
         text_of(step, "content") == to;
}

// Gemma's files cut at blanks, of which the normaliser has left none.
bool cuts_at_blanks(const Json& pre) {
  const Json* pattern = pre.find("pattern");
  return text_of(pre, "type") == "Split" && pattern && text_of(*pattern, "String") == " ";
}

Status read_metaspace(const Json& step, const std::string& path, TextBpeSettings& settings) {
  if (text_of(step, "replacement") != kBlank)
    return error_at(path, -1, "\"pre_tokenizer.replacement\" must be U+2581");
  const Json *split = step.find("split"), *old = step.find("add_prefix_space");
  if (split && !split->is_bool()) return error_at(path, -1, "\"pre_tokenizer.split\" must be true or false");
  settings.splits_words = !split || split->as_bool();
  std::string scheme = text_of(step, "prepend_scheme");
  if (scheme.empty()) scheme = old && old->is_bool() && !old->as_bool() ? "never" : "always";
  if (scheme == "first")
    settings.prefix = TextBpeSettings::Prefix::kFirst;
  else if (scheme == "always")
    settings.prefix = TextBpeSettings::Prefix::kEach;
  else if (scheme != "never")
    return error_at(path, -1, "\"pre_tokenizer.prepend_scheme\" ", scheme, " is not supported");
  return {};
}

}  // namespace

Result<std::optional<TextBpeSettings>> read_text_form(const Json& file, const std::string& path) {
  TextBpeSettings settings;
  const std::vector<const Json*> normal = steps_of(file.find("normalizer"), "normalizers");
  const Json* pre = file.find("pre_tokenizer");
  const bool metaspace = pre && text_of(*pre, "type") == "Metaspace";
  if (metaspace) {
    if (!normal.empty()) return error_at(path, -1, "\"normalizer\" is not supported beside Metaspace");
    LATHE_TRY_STATUS(read_metaspace(*pre, path, settings));
  } else {
    const bool cuts = pre && !pre->is_null() && !cuts_at_blanks(*pre);
    if (cuts || normal.empty() || !replaces(*normal.back(), " ", kBlank)) return std::optional<TextBpeSettings>();
    if (normal.size() == 2 && text_of(*normal[0], "type") == "Prepend" && text_of(*normal[0], "prepend") == kBlank) {
      settings.prefix = TextBpeSettings::Prefix::kEach;
      settings.doubles_prefix = true;
    } else if (normal.size() != 1) {
      return error_at(path, -1, "\"normalizer\" of type ", text_of(*normal[0], "type"), " is not supported");
    }
  }
  const std::vector<const Json*> decoders = steps_of(file.find("decoder"), "decoders");
  const auto is_type = [&](size_t i, const char* type) {
    return i < decoders.size() && text_of(*decoders[i], "type") == type;
  };
  const bool known = decoders.size() >= 3 && decoders.size() <= 4 && replaces(*decoders[0], kBlank, " ") &&
                     is_type(1, "ByteFallback") && is_type(2, "Fuse");
  if (decoders.size() == 4)
    settings.drops_first_space = is_type(3, "Strip") && text_of(*decoders[3], "content") == " " &&
                                 is_number(*decoders[3], "start", 1) && is_number(*decoders[3], "stop", 0);
  if (!known || (decoders.size() == 4 && !settings.drops_first_space))
    return error_at(path, -1, "\"decoder\" must be Replace, ByteFallback, Fuse and perhaps Strip of one blank");
  for (const auto& [key, wanted] : {std::pair{"byte_fallback", true}, std::pair{"ignore_merges", false}}) {
    const Json* value = file.at("model").find(key);
    if ((value && value->is_bool() && value->as_bool()) != wanted)
      return error_at(path, -1, "\"model.", key, "\" must be ", wanted ? "true" : "false", " for this kind");
  }
  return std::optional(std::move(settings));
}

TextForm text_form_of(const TextBpeSettings& settings) {
  using Prefix = TextBpeSettings::Prefix;
  const std::string blank(kBlank);
  const auto replace = [](const std::string& from, const std::string& to) {
    return Json(Json::Object{{"type", "Replace"}, {"pattern", Json(Json::Object{{"String", from}})}, {"content", to}});
  };
  TextForm form;
  if (settings.doubles_prefix) {
    const Json prepend(Json::Object{{"type", "Prepend"}, {"prepend", blank}});
    form.normalizer = Json(Json::Object{{"type", "Sequence"}, {"normalizers", Json(Json::Array{prepend, replace(" ", blank)})}});
  } else if (settings.prefix == Prefix::kNever && !settings.splits_words) {
    form.normalizer = replace(" ", blank);
  } else {
    const char* scheme = settings.prefix == Prefix::kNever ? "never" : settings.prefix == Prefix::kFirst ? "first" : "always";
    form.pre_tokenizer = Json(Json::Object{{"type", "Metaspace"}, {"replacement", blank}, {"prepend_scheme", scheme}, {"split", settings.splits_words}});
  }
  Json steps(Json::Array{replace(blank, " "), Json(Json::Object{{"type", "ByteFallback"}}), Json(Json::Object{{"type", "Fuse"}})});
  if (settings.drops_first_space)
    steps.push_back(Json(Json::Object{{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}}));
  form.decoder = Json(Json::Object{{"type", "Sequence"}, {"decoders", std::move(steps)}});
  return form;
}

}  // namespace lathe::tokenizer
