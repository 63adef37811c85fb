#include "corpus/preference_settings.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "core/settings.h"
#include "tokenizer/chat_template.h"

namespace lathe::corpus {
namespace {

constexpr const char* kForPeople[] = {"statistics", "recommended_weight", "recommended_usage", "notes"};

void describe(SettingsTable& table, PreferenceFilters& f) {
  table.add("min_prompt_length", &f.min_prompt_length, "characters");
  table.add("max_prompt_length", &f.max_prompt_length, "characters");
  table.add("min_chosen_length", &f.min_chosen_length, "characters");
  table.add("max_chosen_length", &f.max_chosen_length, "characters");
  table.add("min_rejected_length", &f.min_rejected_length, "characters");
  table.add("max_rejected_length", &f.max_rejected_length, "characters");
  table.add("min_margin_tokens", &f.min_margin_tokens, "tokens by which the answers must differ");
  table.add("max_identical_pairs", &f.max_identical_pairs, "must be 0");
  table.add("language", &f.language, "empty: any").choices = {"", "en"};
  table.add("language_threshold", &f.language_threshold, "least probability of the language");
  table.add("remove_duplicates", &f.remove_duplicates, "by prompt");
  table.add("deduplication_method", &f.deduplication_method, "of prompts").choices = {"exact_prompt", "fuzzy_prompt"};
  table.add("deduplication_threshold", &f.deduplication_threshold, "similarity of fuzzy_prompt");
}

void describe_output(SettingsTable& table, PreferenceSettings& s) {
  table.add("shard_size", &s.shard_size, "pairs");
  table.add("train_val_split", &s.train_val_split, "share of the prompts that train");
  table.add("max_length", &s.max_length, "tokens of prompt and answer");
  table.add("max_prompt_length", &s.max_prompt_length, "tokens");
}

void describe(SettingsTable& table, PreferenceSource& s) {
  table.add("name", &s.where.name, "for --source-map");
  table.add("type", &s.where.type, "").choices = {"hf", "huggingface", "local"};
  table.add("path", &s.where.path, "of a local source");
  table.add("dataset_name", &s.where.dataset_name, "of a hosted source");
  table.add("subset", &s.where.subset, "");
  table.add("revision", &s.where.revision, "");
  table.add("split", &s.where.split, "");
  table.add("licence", &s.where.licence, "for the data card");
  table.add("max_samples", &s.max_samples, "0: all");
}

void describe_fields(SettingsTable& table, PreferenceSource& s) {
  table.add("system", &s.system, "column; empty: none");
  table.add("prompt", &s.prompt, "column");
  table.add("chosen", &s.chosen, "column");
  table.add("rejected", &s.rejected, "column");
}

void describe_processing(SettingsTable& table, PreferenceSource& s) {
  table.add("combine_system_user", &s.combine_system_user, "");
  table.add("parse_conversation", &s.parse_conversation, "");
}

Json without_nulls(const Json& object) {
  Json out = Json::object();
  for (const auto& [key, value] : object.as_object())
    if (!value.is_null()) out[key] = value;
  return out;
}

// An object of which some keys are objects with tables of their own.
using Section = std::pair<const char*, std::function<void(SettingsTable&)>>;
Status read_sections(const Json& object, const std::string& path, const std::function<void(SettingsTable&)>& own,
                     const std::vector<Section>& sections) {
  if (!object.is_object()) return error_at(path, -1, "must be a JSON object");
  SettingsTable table;
  own(table);
  Json rest = Json::object();
  const Json given = without_nulls(object);
  for (const auto& member : given.as_object()) {
    const std::string& key = member.first;
    const auto section =
        std::find_if(sections.begin(), sections.end(), [&](const Section& s) { return key == s.first; });
    if (section == sections.end()) {
      rest[key] = member.second;
      continue;
    }
    if (!member.second.is_object()) return error_at(path, -1, "key \"", key, "\": expected an object");
    SettingsTable inner;
    section->second(inner);
    LATHE_TRY_STATUS(inner.read_object(without_nulls(member.second), path + ": " + key));
  }
  return table.read_object(rest, path);
}

Status read_source(const Json& json, const std::string& path, PreferenceSource& source) {
  source.where.type = "";
  LATHE_TRY_STATUS(read_sections(json, path, [&](SettingsTable& t) { describe(t, source); },
                                 {{"text_fields", [&](SettingsTable& t) { describe_fields(t, source); }},
                                  {"processing", [&](SettingsTable& t) { describe_processing(t, source); }}}));
  SourceSettings& where = source.where;
  if (where.type == "huggingface" || (where.type.empty() && !where.dataset_name.empty())) where.type = "hf";
  if (where.type.empty()) where.type = "local";
  const std::string& origin = where.type == "hf" ? where.dataset_name : where.path;
  if (origin.empty()) return error_at(path, -1, "key \"", where.type == "hf" ? "dataset_name" : "path", "\": missing");
  if (where.name.empty()) where.name = fs::path(origin).stem().string();
  // The published form of the ORCA config names `system` as the prompt and leaves the question to the flag (row L-9.3).
  if (source.combine_system_user && source.system.empty() && source.prompt == "system")
    source.system = "system", source.prompt = "question";
  if (source.combine_system_user && source.system.empty())
    return error_at(path, -1, "key \"combine_system_user\": text_fields names no \"system\" column");
  return {};
}

template <class T>
Json object_of(T& settings, void (*describe_it)(SettingsTable&, T&)) {
  SettingsTable table;
  describe_it(table, settings);
  return table.to_json();
}

}  // namespace

Result<PreferenceSettings> PreferenceSettings::read(const Json& config, const std::string& path) {
  if (!config.is_object()) return error_at(path, -1, "a corpus config must be a JSON object");
  PreferenceSettings s;
  Json top = Json::object();
  std::string licence;
  for (const auto& [key, value] : config.as_object()) {
    if (std::find(std::begin(kForPeople), std::end(kForPeople), key) != std::end(kForPeople)) continue;
    if (key == "citation")
      licence = value.get_string("license", value.get_string("licence", ""));
    else if (key == "datasets") {
      if (!value.is_array() || value.size() == 0)
        return error_at(path, -1, "key \"datasets\": expected a list of at least one set");
      for (size_t i = 0; i < value.size(); ++i) {
        s.sources.emplace_back();
        LATHE_TRY_STATUS(read_source(value.at(i), path + ": datasets[" + std::to_string(i) + "]", s.sources.back()));
      }
    } else {
      top[key] = value;
    }
  }
  LATHE_TRY_STATUS(read_sections(top, path,
                                 [&](SettingsTable& t) {
                                   t.add("name", &s.name, "");
                                   t.add("description", &s.description, "");
                                   t.add("template", &s.chat_template, "");
                                   t.add("seed", &s.seed, "");
                                 },
                                 {{"output_params", [&](SettingsTable& t) { describe_output(t, s); }},
                                  {"quality_filters", [&](SettingsTable& t) { describe(t, s.filters); }}}));
  LATHE_TRY(const auto chat_template, tokenizer::ChatTemplate::find_lab(s.chat_template));
  s.chat_template = chat_template.name();
  if (s.sources.empty()) return error_at(path, -1, "key \"datasets\": missing");
  for (PreferenceSource& source : s.sources)
    if (source.where.licence.empty()) source.where.licence = licence;
  if (s.name.empty()) s.name = fs::path(path).stem().string();
  if (const Status status = s.check(); !status.ok()) return error_at(path, -1, status.error().to_string());
  return s;
}

Json PreferenceSettings::to_json() const {
  PreferenceSettings copy = *this;
  Json out = Json::object();
  out["name"] = name;
  out["description"] = description;
  out["template"] = chat_template;
  out["seed"] = seed;
  out["output_params"] = object_of(copy, describe_output);
  out["datasets"] = Json::array();
  for (PreferenceSource& source : copy.sources) {
    Json one = object_of<PreferenceSource>(source, describe);
    one["text_fields"] = object_of(source, describe_fields);
    one["processing"] = object_of(source, describe_processing);
    out["datasets"].push_back(std::move(one));
  }
  out["quality_filters"] = object_of<PreferenceFilters>(copy.filters, describe);
  return out;
}

Status PreferenceSettings::check() const {
  const auto bad = [](const char* key, const char* what) {
    return error_at(std::string("key \"") + key + "\"", -1, what);
  };
  if (shard_size < 1) return bad("shard_size", "must be at least 1");
  if (!(train_val_split > 0 && train_val_split <= 1)) return bad("train_val_split", "must be above 0 and at most 1");
  if (max_prompt_length < 1 || max_length <= max_prompt_length)
    return bad("max_length", "must be above max_prompt_length, and that above 0");
  const PreferenceFilters& f = filters;
  if (f.min_prompt_length > f.max_prompt_length || f.min_chosen_length > f.max_chosen_length ||
      f.min_rejected_length > f.max_rejected_length)
    return bad("quality_filters", "a least length is above the greatest");
  if (f.min_prompt_length < 0 || f.min_chosen_length < 0 || f.min_rejected_length < 0)
    return bad("quality_filters", "lengths must not be negative");
  if (f.min_margin_tokens < 0) return bad("min_margin_tokens", "must not be negative");
  if (f.max_identical_pairs != 0)
    return bad("max_identical_pairs", "must be 0: pairs of equal answers teach nothing and are never kept");
  if (!(f.language_threshold >= 0 && f.language_threshold <= 1))
    return bad("language_threshold", "must be from 0 to 1");
  if (!(f.deduplication_threshold > 0 && f.deduplication_threshold < 1))
    return bad("deduplication_threshold", "must be between 0 and 1");
  for (const PreferenceSource& source : sources)
    if (source.max_samples < 0) return bad("max_samples", "must not be negative");
  return {};
}

}  // namespace lathe::corpus
