#include "corpus/mix_settings.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "corpus/minhash.h"
#include "corpus/words.h"

namespace lathe::corpus {
namespace {

void describe_mix(SettingsTable& table, MixSettings& mix) {
  table.add("version", &mix.version, "of the corpus, as its maker counts");
  table.add("target_total_tokens", &mix.target_total_tokens, "shared out by weight where sources have no budget");
  table.add("seed", &mix.seed, "of the order of the mix");
  table.add("allow_short", &mix.allow_short, "a source may end below its budget");
}

void describe_names(SettingsTable& table, MixSettings& mix) {
  table.add("name", &mix.name, "of the corpus and of its folder");
  table.add("description", &mix.description, "for the data card");
}

void describe_section(SettingsTable& table, MixSettings::Processing& settings) {
  table.add("shard_size", &settings.shard_size, "documents in a shard");
  table.add("format", &settings.format, "of the shards").choices = {"jsonl", "parquet"};
  table.add("compression", &settings.compression, "of jsonl shards").choices = {"zst", "gz", "none"};
}

void describe_section(SettingsTable& table, MixSettings::Deduplication& settings) {
  table.add("enabled", &settings.enabled, "remove exact and near-duplicates");
  table.add("threshold", &settings.threshold, "least similarity of near-duplicates");
  table.add("num_perm", &settings.num_perm, "permutations of a MinHash signature");
  table.add("shingle_size", &settings.shingle_size, "words in a shingle");
}

void describe_section(SettingsTable& table, MixSettings::Decontamination& settings) {
  table.add("enabled", &settings.enabled, "look for texts of evaluation sets");
  table.add("action", &settings.action, "what becomes of a text that holds some").choices = {"remove", "flag"};
  table.add("ngram", &settings.ngram, "words in a row that are a match");
  table.add("sets", &settings.sets, "files or folders of evaluation sets; empty: <base>/eval_bundle");
}

constexpr const char* kSections[] = {"processing_params", "deduplication", "decontamination", "cleaning", "quality"};

SettingsTable section_table(MixSettings& mix, std::string_view section) {
  SettingsTable table;
  if (section == "processing_params") describe_section(table, mix.processing);
  if (section == "deduplication") describe_section(table, mix.deduplication);
  if (section == "decontamination") describe_section(table, mix.decontamination);
  if (section == "cleaning") describe(table, mix.cleaning);
  if (section == "quality") describe(table, mix.quality);
  return table;
}

constexpr int64_t kMostTokens = 1'000'000'000'000'000;  // sums of them stay far from the end of 64 bits

bool is_section(std::string_view key) {
  return std::find(std::begin(kSections), std::end(kSections), key) != std::end(kSections);
}

// The last word of "a/b", "dir/c4.jsonl.zst" and the like, without endings.
std::string short_name(std::string_view path) {
  while (path.ends_with('/')) path.remove_suffix(1);
  path = path.substr(path.rfind('/') + 1);
  return std::string(path.substr(0, path.find('.')));
}

bool plain_name(const std::string& name) {
  return !name.empty() && name[0] != '.' && name.size() <= 100 && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
  });
}

Status check_source(const SourceSettings& source, const std::string& where) {
  const auto bad = [&](const char* key, const auto&... what) { return error_at(where, -1, "key \"", key, "\": ", what...); };
  if (source.trust_remote_code) return bad("trust_remote_code", "must be false: no code of a data set is ever run");
  if (source.type == "local" && source.path.empty()) return bad("path", "missing; a source of type local needs one");
  if (source.type == "hf" && source.dataset_name.empty())
    return bad("dataset_name", "missing; a source of type hf needs one");
  if (!plain_name(source.name))
    return bad("name", "\"", source.name, "\" must be of letters, digits, \"-\", \"_\" and \".\"");
  if (source.text_keys.empty()) return bad("text_keys", "names no column");
  for (const std::string& key : source.text_keys)
    if (key.empty() || key.starts_with('.') || key.ends_with('.') || key.find("..") != std::string::npos)
      return bad("text_keys", "\"", key, "\" is no column name");
  if (!(source.chars_per_token > 0) || !std::isfinite(source.chars_per_token))
    return bad("chars_per_token", "must be above 0");
  if (!(source.margin_ratio >= 0 && source.margin_ratio < 1)) return bad("margin_ratio", "must be from 0 to below 1");
  if (!(source.weight >= 0) || !std::isfinite(source.weight)) return bad("weight", "must not be negative");
  if (source.token_budget < 0 || source.token_budget > kMostTokens) return bad("token_budget", "must be from 0 to ", kMostTokens);
  if (source.max_documents < 0) return bad("max_documents", "must not be negative");
  if (source.analysis_sample_size < 1) return bad("analysis_sample_size", "must be at least 1");
  if (source.length.min_length < 0 || source.length.max_length < 0) return bad("min_length", "lengths must not be negative");
  if (source.length.max_length > 0 && source.length.max_length < source.length.min_length)
    return bad("max_length", "is below min_length");
  if (!(source.language.min_english >= 0 && source.language.min_english <= 1))
    return bad("min_english", "must be from 0 to 1");
  return {};
}

Status read_source(const Json& config, const std::string& where, SourceSettings& source) {
  SettingsTable table;
  describe(table, source);
  LATHE_TRY_STATUS(table.read_object(config, where));
  if (!config.contains("type") && !source.dataset_name.empty()) source.type = "hf";
  if (source.name.empty()) source.name = short_name(source.type == "hf" ? source.dataset_name : source.path);
  return check_source(source, where);
}

// Budgets from the target. A budget of 0 would mean none at all, so each open source must get a token.
Status complete(MixSettings& mix) {
  if (mix.target_total_tokens < 0 || mix.target_total_tokens > kMostTokens)
    return error("key \"target_total_tokens\": must be from 0 to ", kMostTokens);
  if (mix.target_total_tokens == 0) return {};
  double open_weight = 0;
  int64_t given = 0;
  for (const SourceSettings& source : mix.sources) {
    given += source.token_budget;
    if (source.token_budget == 0) open_weight += source.weight > 0 ? source.weight : 1;
  }
  const double left = static_cast<double>(mix.target_total_tokens - given);
  for (SourceSettings& source : mix.sources)
    if (source.token_budget == 0) {
      source.token_budget = std::llround(left * (source.weight > 0 ? source.weight : 1) / open_weight);
      if (source.token_budget < 1)
        return error("key \"target_total_tokens\": the budgets of the other sources leave nothing for \"", source.name, "\"; raise it, or give that source a token_budget");
    }
  return {};
}

}  // namespace

int64_t SourceSettings::most_characters() const {
  if (token_budget == 0) return std::numeric_limits<int64_t>::max();
  const double most = static_cast<double>(token_budget) * chars_per_token * (1 + margin_ratio);
  return most >= 9e18 ? std::numeric_limits<int64_t>::max() : static_cast<int64_t>(most);
}

int64_t SourceSettings::least_characters() const {
  const double least = std::ceil(static_cast<double>(token_budget) * chars_per_token * (1 - margin_ratio));
  return least >= 9e18 ? std::numeric_limits<int64_t>::max() : static_cast<int64_t>(least);
}

void describe(SettingsTable& table, SourceSettings& settings) {
  table.group("source");
  table.add("name", &settings.name, "of the source, as the records carry it");
  table.add("type", &settings.type, "local: path; hf: dataset_name, subset, split, revision").choices = {"local", "hf"};
  table.add("path", &settings.path, "file or folder of a local source");
  table.add("dataset_name", &settings.dataset_name, "owner/name of a data set");
  table.add("subset", &settings.subset, "part of the data set");
  table.add("split", &settings.split, "split of the data set");
  table.add("revision", &settings.revision, "commit or tag of the data set; empty: its newest");
  table.add("text_keys", &settings.text_keys, "columns that may hold the text, the first present one counts");
  table.add("token_budget", &settings.token_budget, "estimated tokens to keep; 0: all");
  table.add("weight", &settings.weight, "share of the mix, by any scale; 0 for all: by what is selected");
  table.add("chars_per_token", &settings.chars_per_token, "characters that are counted as one token");
  table.add("margin_ratio", &settings.margin_ratio, "by how much the budget may be missed");
  table.add("max_documents", &settings.max_documents, "documents read; 0: all");
  table.add("analysis_sample_size", &settings.analysis_sample_size, "documents that --analyze-only reads");
  table.add("invalid_records", &settings.invalid_records, "records without a text: stop, or count and skip").choices = {
      "error", "skip"};
  describe(table, settings.length);
  describe(table, settings.language);
  table.group("source");
  table.add("description", &settings.description, "for the data card");
  table.add("licence", &settings.licence, "for the data card").aliases = {"license"};
  table.add("category", &settings.category, "for the data card");
  table.add("trust_remote_code", &settings.trust_remote_code, "must be false");
}

Result<MixSettings> MixSettings::read(const Json& config, const std::string& path) {
  if (!config.is_object()) return error_at(path, -1, "a corpus config must be a JSON object");
  MixSettings mix;
  SettingsTable top;
  describe_mix(top, mix);
  SettingsTable names;
  describe_names(names, mix);
  const Json* sources = config.find("sources");
  const bool one = sources == nullptr;
  Json top_keys = Json::object(), name_keys = Json::object(), source_keys = Json::object();
  for (const auto& [key, value] : config.as_object()) {
    if (key.starts_with('_') || key == "sources") continue;
    if (is_section(key)) {
      SettingsTable table = section_table(mix, key);
      LATHE_TRY_STATUS(table.read_object(value, path + ": " + key));
      continue;
    }
    const bool is_name = names.find(key) != nullptr;
    if (is_name) name_keys[key] = value;
    if (one && top.find(key) == nullptr)
      source_keys[key] = value;
    else if (!is_name)
      top_keys[key] = value;
  }
  LATHE_TRY_STATUS(names.read_object(name_keys, path));
  if (one) {
    mix.sources.emplace_back();
    LATHE_TRY_STATUS(top.read_object(top_keys, path));
    LATHE_TRY_STATUS(read_source(source_keys, path, mix.sources.back()));
  } else {
    // Sections are known keys, too: a misspelt one is told so.
    for (const auto& [key, value] : top_keys.as_object()) {
      if (top.find(key) != nullptr) continue;
      std::vector<std::string> known = {"name", "description", "sources"};
      known.insert(known.end(), std::begin(kSections), std::end(kSections));
      for (const Setting& setting : top.settings()) known.push_back(setting.name);
      const std::string near = nearest_word(key, known);
      return error_at(path, -1, "key \"", key, "\": unknown setting",
                      near.empty() ? std::string() : "; did you mean \"" + near + "\"?");
    }
    LATHE_TRY_STATUS(top.read_object(top_keys, path));
    if (!sources->is_array() || sources->size() == 0) return error_at(path, -1, "key \"sources\": expected a list of at least one source");
    for (size_t i = 0; i < sources->size(); ++i) {
      mix.sources.emplace_back();
      LATHE_TRY_STATUS(read_source(sources->at(i), path + ": sources[" + std::to_string(i) + "]", mix.sources.back()));
    }
  }
  if (mix.name.empty()) mix.name = short_name(path);
  if (const Status status = complete(mix); !status.ok()) return error_at(path, -1, status.error().message);
  if (const Status status = mix.check(); !status.ok()) return error_at(path, -1, status.error().to_string());
  return mix;
}

Json MixSettings::to_json() const {
  MixSettings copy = *this;  // a table points at what it describes
  SettingsTable names, top;
  describe_names(names, copy);
  describe_mix(top, copy);
  Json out = names.to_json();
  const Json rest = top.to_json();
  for (const auto& [key, value] : rest.as_object()) out[key] = value;
  Json list = Json::array();
  for (SourceSettings& source : copy.sources) {
    SettingsTable table;
    describe(table, source);
    list.push_back(table.to_json());
  }
  out["sources"] = std::move(list);
  for (const char* section : kSections) out[section] = section_table(copy, section).to_json();
  return out;
}

Status MixSettings::check() const {
  const auto bad = [](const char* key, const auto&... what) { return error("key \"", key, "\": ", what...); };
  if (!plain_name(name)) return bad("name", "\"", name, "\" must be of letters, digits, \"-\", \"_\" and \".\"");
  if (sources.empty()) return bad("sources", "names none");
  std::set<std::string> seen;
  for (const SourceSettings& source : sources)
    if (!seen.insert(source.name).second) return bad("sources", "two of them have the name \"", source.name, "\"");
  const auto weighted = std::count_if(sources.begin(), sources.end(), [](const SourceSettings& s) { return s.weight > 0; });
  if (weighted != 0 && weighted != static_cast<std::ptrdiff_t>(sources.size()))
    return bad("weight", "give one to every source, or to none");
  if (processing.shard_size < 1) return bad("shard_size", "must be at least 1");
  if (!(deduplication.threshold > 0 && deduplication.threshold < 1)) return bad("threshold", "must be between 0 and 1");
  if (deduplication.num_perm < 64 || deduplication.num_perm > kMaxPermutations || deduplication.num_perm % 64 != 0)
    return bad("num_perm", "must be a multiple of 64 up to ", kMaxPermutations);
  if (deduplication.shingle_size < 1 || deduplication.shingle_size > kMaxNgram)
    return bad("shingle_size", "must be from 1 to ", kMaxNgram);
  if (decontamination.ngram < 1 || decontamination.ngram > kMaxNgram) return bad("ngram", "must be from 1 to ", kMaxNgram);
  const auto filter = QualityFilter::make(quality);
  if (!filter.ok()) return filter.error();
  return {};
}

}  // namespace lathe::corpus
