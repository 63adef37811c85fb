// Preference pairs from hosted sets to shards: read, parsed, filtered, checked against the tokenizer, freed of
// duplicate prompts, split by prompt, written (rows L-1.53, L-9.1 to L-9.5). docs/formats/preferences.md.
#pragma once

#include <array>
#include <functional>
#include <string>
#include <vector>

#include "core/manifest.h"
#include "corpus/preference_record.h"
#include "corpus/source.h"
#include "tokenizer/frozen.h"

namespace lathe::corpus {

inline constexpr const char* kPreferenceKind = "dpo_corpus";

struct PreferenceRun {
  PreferenceSettings settings;
  SourceMap source_map;
  fs::path base;    // where downloads lie
  fs::path output;  // an empty folder, to be filled
  std::function<void(const std::string& line)> print;
};

struct PreferenceCounts {
  std::string source;
  int64_t read = 0, kept = 0;
  std::array<int64_t, static_cast<size_t>(PairFault::kCount)> faults{};
};

struct PreferenceReport {
  std::vector<PreferenceCounts> sources;
  int64_t train = 0, validation = 0;  // pairs
  int64_t prompts = 0;                // different ones
  int64_t prompts_cut = 0;            // longer than max_prompt_length tokens: training will cut them
  int64_t prompt_tokens = 0, chosen_tokens = 0, rejected_tokens = 0;
  std::vector<FileRecord> shards;
  Json to_json() const;
};

// Files that will be read, with their hashes: they decide the result, as the settings do.
Result<std::vector<FileRecord>> preference_inputs(const PreferenceRun& run);
// Memory: the kept pairs. Errors: a source that is not there, a line that is no JSON, a template the tokenizer has no
// markers for, no pair left.
Result<PreferenceReport> prepare_preferences(const PreferenceRun& run, const tokenizer::Tokenizer& tokenizer);

}  // namespace lathe::corpus
