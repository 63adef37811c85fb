// The model that preferences are taught to: the whole of it, or a fresh adapter on it and on the adapters it was fine-tuned with.
// Rows L-1.54, L-9.8, L-9.16.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/settings.h"
#include "model/adapter_file.h"
#include "train/checkpoint.h"

namespace lathe::cli {

struct LoraFlags {
  bool lora = false;
  int64_t r = 32;
  double lora_alpha = 64, lora_dropout = 0;
  std::vector<std::string> target_modules;
  bool use_rslora = false, use_dora = false;
};
void describe(SettingsTable& table, LoraFlags& flags);

// Order of the members: adapters go before the model they are attached to.
struct PreferenceModel {
  train::CheckpointMeta meta;                           // of the checkpoint started from
  model::AdapterRecord record;                          // of the new adapter: what it rests on, with hashes
  std::vector<fs::path> files;                          // all tensors the model is made of, base first
  std::unique_ptr<model::Transformer> model;
  std::vector<std::unique_ptr<model::Adapter>> below;   // frozen, on
  std::unique_ptr<model::Adapter> adapter;              // the one that is trained; null: the whole model is

  std::vector<autograd::Parameter*> trained() const { return adapter ? adapter->parameters() : model->parameters(); }
  std::vector<autograd::Parameter*> frozen() const;     // everything else that decides the reference
  std::unique_ptr<train::Weights> weights() const;
};

// A checkpoint folder with model.safetensors, or with an adapter whose record names its base and the adapters below; their hashes
// are checked. A folder without checkpoint that holds exactly one: the error names it (row L-15.11).
Result<PreferenceModel> load_preference_model(const fs::path& checkpoint, DType dtype, const LoraFlags& flags, uint64_t seed);

// The same around a model that is loaded already.
Result<PreferenceModel> preference_model(std::unique_ptr<model::Transformer> model, train::CheckpointMeta meta, const fs::path& checkpoint,
                                         const LoraFlags& flags, uint64_t seed);

}  // namespace lathe::cli
