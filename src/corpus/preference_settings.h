// The config of a corpus of preference pairs (rows L-1.52, L-9.2 to L-9.5), as the lab writes it:
//   name, description, template
//   output_params    {shard_size, train_val_split, max_length, max_prompt_length}
//   datasets[]       {name, type hf|local, dataset_name, path, subset, revision, split, licence, max_samples,
//                     text_fields {system, prompt, chosen, rejected}, processing {combine_system_user,
//                     parse_conversation}}
//   quality_filters  see PreferenceFilters
//   seed; citation, notes, statistics, recommended_weight, recommended_usage: for people
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/json.h"
#include "core/result.h"
#include "corpus/mix_settings.h"

namespace lathe::corpus {

struct PreferenceSource {
  SourceSettings where;     // name, type, path, dataset_name, subset, revision, split, licence
  int64_t max_samples = 0;  // pairs read at most; 0: all
  // Columns. "a.b" is the field b of the object a. A value is a text, a message ({"value"} or {"content"}), a list of
  // messages ({"from", "value"} or {"role", "content"}); of a list of answers the last counts.
  std::string system, prompt = "prompt", chosen = "chosen", rejected = "rejected";
  bool combine_system_user = false;  // system text and question are one user message (row L-9.3); else a system message
  bool parse_conversation =
      false;  // chosen and rejected are whole dialogues "\n\nHuman: ... \n\nAssistant: ..." (row L-9.4)
};

struct PreferenceFilters {
  int64_t min_prompt_length = 10, max_prompt_length = 1024;  // characters of all messages of the prompt
  int64_t min_chosen_length = 20, max_chosen_length = 2048;
  int64_t min_rejected_length = 10, max_rejected_length = 2048;
  int64_t min_margin_tokens = 0;    // tokens by which the answers must differ (data/preference_pair.h)
  int64_t max_identical_pairs = 0;  // must be 0: a pair of equal answers teaches nothing
  std::string language;             // "en" or empty: any
  double language_threshold = 0.9;  // least probability (corpus/language.h), of the whole pair's text
  bool remove_duplicates = true;
  std::string deduplication_method = "exact_prompt";  // or fuzzy_prompt: MinHash, 128 permutations
  double deduplication_threshold = 0.85;
};

struct PreferenceSettings {
  std::string name, description;
  std::string chat_template = "chatml";  // by our name; a config writes the lab's, whose "chat" is our "human"
  int64_t shard_size = 1000;             // pairs
  double train_val_split = 0.95;         // share of the prompts that train
  int64_t max_length = 1024,
          max_prompt_length = 512;  // tokens that training will take (row L-9.10); longer answers are dropped
  int64_t seed = 42;
  std::vector<PreferenceSource> sources;
  PreferenceFilters filters;

  // Unknown keys are errors that name the nearest; keys that start with _ and nulls are passed over.
  static Result<PreferenceSettings> read(const Json& config, const std::string& path);
  Json to_json() const;
  Status check() const;
};

}  // namespace lathe::corpus
