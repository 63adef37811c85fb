// Settings of the lab's evaluations (50_evaluate_pretrain, 80_evaluate_sft, 98_evaluate_dpo, `lathe eval lab`), their table and the
// keys of their config files (rows L-1.39, L-1.49, L-1.57, L-8.2, L-9.19, L-12.6).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/settings.h"
#include "infer/sampler.h"
#include "train/lab_config.h"

namespace lathe::cli {

struct LabEvalSettings {
  std::string stage = "auto";
  std::string name, description, version;  // of the settings file
  // model and files
  std::string model_path, tokenizer_dir, output_dir, output_file;
  std::string prompt_template;          // must be the one of the model's record, where that names one (row L-8.3)
  std::optional<bool> use_lora;
  bool merged = false, force = false;
  std::string text_start = "auto";
  // which; not set: by stage
  std::optional<bool> perplexity, boolq, validation, smoke_tests, generation, preferences, baseline;
  // perplexity and BoolQ
  std::string wikitext_path, boolq_path;
  int64_t perplexity_samples = -1, boolq_samples = -1, context_length = 0, stride = 0, batch_tokens = 8192;
  // the loss on the data sets' own validation parts; empty and 0: as the run that made the model had them
  std::vector<std::string> validation_dirs;
  int64_t validation_batches = 0;
  // preferences
  std::string eval_data_dir, eval_split = "validation";
  int64_t eval_samples = 1000, shuffle_seed = 42, max_length = 0, max_prompt_length = 0;
  double beta = 0;                      // 0: the record's, else 0.1
  std::string sft_model_path, pretrain_model_path;
  // texts
  std::vector<std::string> categories, prompts;
  int64_t num_samples = -1, min_words = 3, max_words = 200;
  int64_t max_new_tokens = 128, top_k = 50, no_repeat_ngram_size = 3;
  double temperature = 0.7, top_p = 0.9, repetition_penalty = 1.1;
  bool do_sample = true;
  // what is written
  bool save_generations = true, save_metrics = true, save_csv = true, save_examples = true;

  // do_sample off: greedy; `ignored` then names the other sampling settings that were on (row L-12.7).
  infer::SamplingOptions sampling(uint64_t seed, std::vector<std::string>* ignored) const;
};

void describe(SettingsTable& table, LabEvalSettings& settings);
train::ConfigKeys lab_eval_keys();

// Sets what is left to the stage ("pretrain", "sft", "dpo"), prompts too. Errors name the key.
Status resolve(LabEvalSettings& settings);

}  // namespace lathe::cli
