// Settings of the lab's fine-tuning (configs/lab/sft/training): those every stage has, the adapter's, the data's and those of the
// answers that are shown at each evaluation. Rows L-1.46, L-7.22, L-7.28 to L-7.32.
#pragma once

#include <string>
#include <vector>

#include "core/settings.h"
#include "model/adapter.h"
#include "tokenizer/tokenizer.h"
#include "train/lab_settings.h"

namespace lathe::train {

struct LabSftSettings {
  LabSftSettings();
  LabSettings common;              // at the values of row L-7.29
  std::string model_path;
  // lora_config
  bool lora = true;                // false: the whole model is trained (row L-7.27)
  int64_t r = 32;
  double lora_alpha = 64, lora_dropout = 0.05;
  std::vector<std::string> target_modules, modules_to_save;
  bool use_rslora = false, use_dora = false;
  std::vector<std::string> train_token_rows = {"template"};  // special tokens; "template": the template's markers (row L-7.24)
  // dataset_config
  bool allow_mixed_templates = false;
  // training_params of the original trainer (row L-7.30)
  std::string evaluation_strategy = "steps", save_strategy = "steps";
  double adam_beta1 = -1, adam_beta2 = -1;  // -1: betas
  // evaluation_config
  std::vector<std::string> eval_prompts;
  int64_t max_new_tokens = 128, top_k = 50;
  double temperature = 0.7, top_p = 0.9, repetition_penalty = 1.1;
};

void describe(SettingsTable& table, LabSftSettings& settings);
ConfigKeys lab_sft_keys();
// Brings the original trainer's names into the common settings, then checks all.
Status resolve(LabSftSettings& settings);
// Errors: a token row that is no special token of the tokenizer. markers: of the template.
Result<model::AdapterConfig> adapter_config(const LabSftSettings& settings, const tokenizer::Tokenizer& tokenizer, const std::vector<std::string>& markers);

}  // namespace lathe::train
