// The settings of a fine-tuning corpus: its sets of conversations and what is done to them (rows L-7.9, L-7.10). An unknown
// key is an error that names the nearest known one; keys that start with _ are comments at any depth.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/json.h"
#include "core/settings.h"

namespace lathe::corpus {

struct SftDatasetSettings {
  std::string name;
  std::string type = "local";  // where it is: "local" (path), "hf" (dataset_name, subset, split)
  std::string path, dataset_name, subset, split = "train";
  double weight = 1;  // share of the target
  // Columns of a set of instructions; empty: the usual names. context is another name of input.
  struct TextFields {
    std::string prompt, response, input, context;
  } text_fields;
  struct Processing {
    std::string form;          // of the records; empty: by the first one
    std::string language;      // trees: messages in this one alone; empty: any
    int64_t max_rank = -1;     // trees: answers of this rank or better; 0: the best alone; -1: all
    bool skip_synthetic = false;
    std::string name, author;  // fill {{name}} and {{author}}
  } custom_processing;
};

struct SftSettings {
  std::string name, description;
  std::string chat_template = "chatml";  // key "template", in the lab's vocabulary
  std::vector<SftDatasetSettings> datasets;

  struct Sampling {
    std::string mode = "target_tokens";  // or "target_conversations"
    int64_t target_tokens = 0, target_conversations = 0;  // 0: everything
    int64_t seed = 42;
    int64_t target() const { return mode == "target_tokens" ? target_tokens : target_conversations; }
  } sampling_strategy;
  struct Output {
    int64_t sequence_length = 1024;
    int64_t shard_size = 10000;  // conversations
    double train_ratio = 0.95;
    bool enable_packing = true;  // rows are packed when they are loaded; false is refused
    std::string over_long = "cut";  // at the border of a turn; or "drop" (row L-7.13)
  } output_params;
  struct Filters {
    int64_t min_prompt_length = 10, max_prompt_length = 1024;      // characters; 0: no limit
    int64_t min_response_length = 20, max_response_length = 2048;
    bool filter_urls = false, filter_code_blocks = false, require_ascii = false;
    bool remove_duplicates = true;
    double duplicate_threshold = 0.85;
    int64_t num_perm = 128;
  } quality_filters;

  // Checked; `path` is for messages and names a nameless corpus.
  static Result<SftSettings> read(const Json& config, const std::string& path);
  Json to_json() const;  // all resolved settings in the form of a config
  Status check() const;
};

}  // namespace lathe::corpus
