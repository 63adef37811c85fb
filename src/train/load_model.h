// A trained model from the base folder, by stage, tag and step: the way in of every verb that uses one (rows C-6.11 to
// C-6.15, C-6.20; trap T1).
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "model/adapter_file.h"
#include "tokenizer/tokenizer.h"
#include "train/checkpoint.h"

namespace lathe::train {

// The stages that leave a model behind: base, mid, sft, dpo, rl.
const std::vector<std::string>& model_sources();

// <base>/base_checkpoints, mid_checkpoints, chatsft_checkpoints, chatdpo_checkpoints or chatrl_checkpoints
// (row C-1.2); an unknown name is an
// error that lists the known ones.
Result<fs::path> checkpoint_root(const fs::path& base, const std::string& source);

struct LoadedModel {
  std::unique_ptr<model::Transformer> model;  // weights ready for forward()
  // Of an adapter's checkpoint, in the order in which they rest on each other, switched on and not trained; the model is frozen then.
  std::vector<std::unique_ptr<model::Adapter>> adapters;
  tokenizer::Tokenizer tokenizer;             // the one it was trained with, checked by hash and size
  CheckpointMeta meta;
  fs::path run;                               // <root>/<tag>
  std::string tag;
  std::vector<fs::path> files;                // of the weights, then of each adapter's tensors
  int weight_bits = 16;                       // of the linear layers (adapter_file.h)
};

// What a new adapter on this model rests on. Reads all the files for their hashes.
Result<model::AdapterRecord> ground_of(const LoadedModel& loaded);

// tag empty: guessed, and logged (row C-6.13). step -1: the largest. dtype: of activations and products; the masters
// are float32 whatever the file holds. with_gradients: for training; adapters are then merged into the weights. An adapter's
// checkpoint finds what it rests on by its record (row L-7.25). accept is asked before the weights' memory is
// taken; its error is the result. The tokenizer is the one named in the run's settings, else <base>/tokenizer.
Result<LoadedModel> load_model(const fs::path& base, const std::string& source, const std::string& tag, int64_t step,
                               DType dtype, bool with_gradients = false,
                               const std::function<Status(const model::ModelConfig&)>& accept = {});

}  // namespace lathe::train
