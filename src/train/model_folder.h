// A trained model by the folder of one checkpoint, as --model_path names it (rows L-1.48, L-15.10, L-15.11).
#pragma once

#include <string>

#include "core/file.h"
#include "model/config.h"
#include "tokenizer/tokenizer.h"
#include "train/checkpoint.h"

namespace lathe::train {

struct ModelFolder {
  fs::path folder;
  CheckpointMeta meta;
  model::ModelConfig config;
  std::string sha256;  // of its weights
};

// Errors: nothing there (remedy names the command that makes one); a folder that is not a checkpoint but has exactly one below it,
// which the error names, it is never guessed; an adapter, which is no whole model.
Result<ModelFolder> open_model_folder(const std::string& path, const std::string& remedy);

// The tokenizer must be the one the model was trained with (trap T1).
Status require_tokenizer(const ModelFolder& model, const tokenizer::Tokenizer& tokenizer, const std::string& tokenizer_path);

}  // namespace lathe::train
