// The model that the lab's 70_train_sft and 95_train_dpo start from, by the folder of its checkpoint: whole, or with the
// adapters it was fine-tuned with (rows L-1.48, L-15.10, L-15.11).
#pragma once

#include "core/settings.h"
#include "train/load_model.h"

namespace lathe::cli {

// lora_config of the lab's configs (rows L-7.22, L-9.10).
struct LabLora {
  bool lora = true;
  int64_t r = 32;
  double lora_alpha = 64, lora_dropout = 0.05;
  std::vector<std::string> target_modules;
  bool use_rslora = false, use_dora = false;
  model::AdapterConfig config() const;
};
void describe(SettingsTable& table, LabLora& lora);

// A checkpoint folder with model.safetensors, or with an adapter whose record names its base and the adapters below;
// their hashes are checked. For an adapter to be trained on it the model is frozen, the adapters below on; else they
// are merged into the weights. A folder without checkpoint that holds some: the error names them, none is guessed (row
// L-15.11); where nothing is near, it gives `remedy`, the command that makes one. The tokenizer must be the one the
// model was trained with (trap T1).
Result<train::LoadedModel> load_lab_model(const std::string& model_path, const std::string& remedy,
                                          const tokenizer::Tokenizer& tokenizer, const std::string& tokenizer_dir,
                                          DType dtype, bool with_gradients);

}  // namespace lathe::cli
