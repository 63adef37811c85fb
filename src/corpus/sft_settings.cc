#include "corpus/sft_settings.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "core/file.h"
#include "corpus/minhash.h"

namespace lathe::corpus {
namespace {

void describe(SettingsTable& t, SftDatasetSettings& s) {
  t.add("name", &s.name, "of the set");
  t.add("type", &s.type, "where it is").choices = {"local", "hf"};
  t.add("path", &s.path, "file or folder");
  t.add("dataset_name", &s.dataset_name, "as hosted");
  t.add("subset", &s.subset, "as hosted");
  t.add("split", &s.split, "as hosted");
  t.add("weight", &s.weight, "share of the target");
}
void describe(SettingsTable& t, SftDatasetSettings::TextFields& s) {
  t.add("prompt", &s.prompt, "column of the instruction");
  t.add("response", &s.response, "column of the answer");
  t.add("input", &s.input, "column of what the instruction speaks of");
  t.add("context", &s.context, "another name of input");
}
void describe(SettingsTable& t, SftDatasetSettings::Processing& s) {
  t.add("form", &s.form, "of the records: messages, list, sharegpt, alpaca, tree");
  t.add("language", &s.language, "of a tree's messages");
  t.add("max_rank", &s.max_rank, "of a tree's answers");
  t.add("skip_synthetic", &s.skip_synthetic, "leave out answers that people did not write");
  t.add("name", &s.name, "for {{name}}");
  t.add("author", &s.author, "for {{author}}");
}
void describe(SettingsTable& t, SftSettings::Sampling& s) {
  t.add("mode", &s.mode, "what the target counts").choices = {"target_tokens", "target_conversations"};
  t.add("target_tokens", &s.target_tokens, "of all sets; 0: everything");
  t.add("target_conversations", &s.target_conversations, "of all sets; 0: everything");
  t.add("seed", &s.seed, "of the choice and of the split");
}
void describe(SettingsTable& t, SftSettings::Output& s) {
  t.add("sequence_length", &s.sequence_length, "tokens of the rows that will be trained on");
  t.add("shard_size", &s.shard_size, "conversations in a shard");
  t.add("train_ratio", &s.train_ratio, "share that trains");
  t.add("enable_packing", &s.enable_packing, "rows are packed when they are loaded");
  t.add("over_long", &s.over_long, "a conversation longer than a row").choices = {"cut", "drop"};
}
void describe(SettingsTable& t, SftSettings::Filters& s) {
  t.add("min_prompt_length", &s.min_prompt_length, "characters of the first question");
  t.add("max_prompt_length", &s.max_prompt_length, "characters of any question");
  t.add("min_response_length", &s.min_response_length, "characters of the first answer");
  t.add("max_response_length", &s.max_response_length, "characters of any answer");
  t.add("filter_urls", &s.filter_urls, "drop conversations with a web address");
  t.add("filter_code_blocks", &s.filter_code_blocks, "drop conversations with a block of code");
  t.add("require_ascii", &s.require_ascii, "drop conversations with other characters");
  t.add("remove_duplicates", &s.remove_duplicates, "exact and near-duplicates");
  t.add("duplicate_threshold", &s.duplicate_threshold, "least similarity of near-duplicates");
  t.add("num_perm", &s.num_perm, "permutations of a MinHash signature");
}
void describe(SettingsTable& t, SftSettings& s) {
  t.add("name", &s.name, "of the corpus and of its folder");
  t.add("description", &s.description, "for the data card");
  t.add("template", &s.chat_template, "chatml, chatml_strict, instruct, chat, alpaca");
}

// Reads config[key], when it is there, into a section, and takes it out of `rest`.
template <class Section>
Status read_section(Json& rest, const char* key, const std::string& path, Section& section) {
  auto& members = rest.as_object();
  const auto at = std::find_if(members.begin(), members.end(), [&](const Json::Member& m) { return m.first == key; });
  if (at == members.end()) return {};
  SettingsTable table;
  describe(table, section);
  LATHE_TRY_STATUS(table.read_object(at->second, path + ": " + key));
  members.erase(at);
  return {};
}

template <class Section>
Json section_json(Section section) {
  SettingsTable table;
  describe(table, section);
  return table.to_json();
}

Status read_dataset(const Json& config, const std::string& where, SftDatasetSettings& set) {
  if (!config.is_object()) return error_at(where, -1, "must be an object");
  Json rest = config;
  LATHE_TRY_STATUS(read_section(rest, "text_fields", where, set.text_fields));
  if (const Json* form = rest.find("custom_processing"); form && form->is_string())  // the form alone
    rest["custom_processing"] = Json(Json::Object{{"form", *form}});
  LATHE_TRY_STATUS(read_section(rest, "custom_processing", where, set.custom_processing));
  if (rest.get_string("type", "") == "huggingface") rest["type"] = Json("hf");
  SettingsTable table;
  describe(table, set);
  LATHE_TRY_STATUS(table.read_object(rest, where));
  if (!config.contains("type") && !set.dataset_name.empty()) set.type = "hf";
  const std::string& origin = set.type == "hf" ? set.dataset_name : set.path;
  if (set.name.empty()) set.name = fs::path(origin).stem().string();
  if (set.name.empty()) return error_at(where, -1, "needs a name, a path or a dataset_name");
  if (!(set.weight >= 0) || !std::isfinite(set.weight)) return error_at(where, -1, "key \"weight\": must not be negative");
  if (!set.text_fields.input.empty() && !set.text_fields.context.empty())
    return error_at(where, -1, "key \"text_fields\": input and context are two names of one column");
  return {};
}

}  // namespace

Result<SftSettings> SftSettings::read(const Json& config, const std::string& path) {
  if (!config.is_object()) return error_at(path, -1, "must be a JSON object");
  SftSettings out;
  Json rest = config;
  LATHE_TRY_STATUS(read_section(rest, "sampling_strategy", path, out.sampling_strategy));
  LATHE_TRY_STATUS(read_section(rest, "output_params", path, out.output_params));
  LATHE_TRY_STATUS(read_section(rest, "quality_filters", path, out.quality_filters));
  const Json* datasets = rest.find("datasets");
  if (!datasets || !datasets->is_array() || datasets->as_array().empty())
    return error_at(path, -1, "key \"datasets\": must list the sets of conversations");
  for (const Json& item : datasets->as_array()) {
    const std::string where = join_text(path, ": datasets[", out.datasets.size(), "]");
    LATHE_TRY_STATUS(read_dataset(item, where, out.datasets.emplace_back()));
  }
  std::erase_if(rest.as_object(), [](const Json::Member& m) { return m.first == "datasets"; });
  SettingsTable table;
  describe(table, out);
  LATHE_TRY_STATUS(table.read_object(rest, path));
  if (out.name.empty()) out.name = fs::path(path).stem().string();
  if (const Status status = out.check(); !status.ok()) return error_at(path, -1, status.error().to_string());
  return out;
}

Json SftSettings::to_json() const {
  Json out = section_json(*this);
  Json list = Json::array();
  for (const SftDatasetSettings& set : datasets) {
    Json item = section_json(set);
    item["text_fields"] = section_json(set.text_fields);
    item["custom_processing"] = section_json(set.custom_processing);
    list.push_back(std::move(item));
  }
  out["datasets"] = std::move(list);
  out["sampling_strategy"] = section_json(sampling_strategy);
  out["output_params"] = section_json(output_params);
  out["quality_filters"] = section_json(quality_filters);
  return out;
}

Status SftSettings::check() const {
  std::set<std::string> names;
  double weights = 0;
  for (const SftDatasetSettings& set : datasets) {
    weights += set.weight;
    if (!names.insert(set.name).second) return error("two data sets are named \"", set.name, "\"");
  }
  if (!(weights > 0)) return error("key \"weight\": all are 0");
  const Output& o = output_params;
  if (o.sequence_length < 2) return error("key \"sequence_length\": must be at least 2");
  if (o.shard_size < 1) return error("key \"shard_size\": must be at least 1");
  if (!(o.train_ratio > 0 && o.train_ratio <= 1)) return error("key \"train_ratio\": must be above 0 and at most 1");
  if (!o.enable_packing) return error("key \"enable_packing\": rows are always packed when they are loaded, and conversations kept apart in them; remove the key");
  if (sampling_strategy.target_tokens < 0 || sampling_strategy.target_conversations < 0) return error("a target must not be negative");
  const Filters& f = quality_filters;
  for (const int64_t length : {f.min_prompt_length, f.max_prompt_length, f.min_response_length, f.max_response_length})
    if (length < 0) return error("a length must not be negative");
  if (!(f.duplicate_threshold > 0 && f.duplicate_threshold < 1)) return error("key \"duplicate_threshold\": must be between 0 and 1");
  if (f.num_perm < 64 || f.num_perm % 64 != 0 || f.num_perm > kMaxPermutations)
    return error("key \"num_perm\": must be a multiple of 64 up to ", kMaxPermutations);
  return {};
}

}  // namespace lathe::corpus
