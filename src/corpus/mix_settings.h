// The settings of a corpus: its sources and what is done to them, read from a JSON file of either shape (row L-1.19):
// a mix has "sources"; without that key the file describes one source. Keys L-2.4 and L-2.5, and the sections
// "cleaning", "quality", "deduplication", "decontamination", "processing_params". An unknown key is an error that names
// the nearest known one, keys that start with _ are comments at any depth (L-1.9). Every key is a row of a
// SettingsTable, so defaults, reading and the printed settings cannot part.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/file.h"
#include "core/json.h"
#include "core/settings.h"
#include "corpus/clean.h"
#include "corpus/language.h"
#include "corpus/length_filter.h"
#include "corpus/quality.h"

namespace lathe::corpus {

struct SourceSettings {
  std::string name;          // default: the last part of dataset_name, else of the path; unique in a mix
  std::string type = "local";  // "local" (path) or "hf" (dataset_name, subset, split, revision)
  std::string path;          // of a local source: a file or a folder
  std::string dataset_name, subset, revision;
  std::string split = "train";
  // Columns that may hold the text; the first one a record has is taken. "a.b" is the field b of the object a.
  std::vector<std::string> text_keys = {"text"};
  int64_t token_budget = 0;   // estimated tokens; 0: no limit
  double weight = 0;          // share of the mix, by any scale; 0 for all: by what is selected
  double chars_per_token = 4.0;
  double margin_ratio = 0.02;
  int64_t max_documents = 0;  // read at most so many; 0: all
  int64_t analysis_sample_size = 1000;
  std::string invalid_records = "error";  // or "skip": records that are no JSON object with a text are counted
  LengthSettings length;
  LanguageSettings language;
  std::string description, licence, category;
  bool trust_remote_code = false;  // accepted, must be false

  // Tokens in so many characters, by estimate: the corpus stage has no tokenizer (L-2.6).
  double tokens_of(int64_t characters) const { return static_cast<double>(characters) / chars_per_token; }
  // The most characters that the budget and its margin allow; INT64_MAX without a budget.
  int64_t most_characters() const;
  // The characters that reach the budget less its margin; 0 without a budget.
  int64_t least_characters() const;
};
void describe(SettingsTable& table, SourceSettings& settings);

struct MixSettings {
  std::string name, description, version = "1.0";
  int64_t target_total_tokens = 0;  // shared out by weight among the sources that have no budget; 0: none
  int64_t seed = 42;
  bool allow_short = false;  // a source may end below its budget minus the margin
  std::vector<SourceSettings> sources;

  struct Processing {
    int64_t shard_size = 10000;  // documents
    std::string format = "jsonl";     // or "parquet"
    std::string compression = "zst";  // of jsonl: zst, gz or none
  } processing;
  struct Deduplication {
    bool enabled = true;
    double threshold = 0.85;
    int64_t num_perm = 128;
    int64_t shingle_size = 3;
  } deduplication;
  struct Decontamination {
    bool enabled = true;
    std::string action = "remove";  // or "flag"
    int64_t ngram = 13;
    std::vector<std::string> sets;  // files or folders; empty: <base>/eval_bundle
  } decontamination;
  CleanSettings cleaning;
  QualitySettings quality;

  // Checked and completed (names, budgets). `path` is for messages and gives a nameless mix its name.
  static Result<MixSettings> read(const Json& config, const std::string& path);
  // All resolved settings, in the shape of a mix: read() of it gives the same settings again.
  Json to_json() const;
  // Finds mistakes that no single key shows.
  Status check() const;
};

}  // namespace lathe::corpus
