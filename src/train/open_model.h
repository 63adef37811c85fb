// A model by the path of its files, whoever made them: what --hf-path and `lathe import` read. Nothing in a file is executed;
// every size and offset is checked before use.
//   a folder with config.json and *.safetensors   Hugging Face (model/hugging_face.h)
//   a file NAME.gguf                              GGUF with its tokenizer (train/open_gguf.h)
//   a folder with model_NNNNNN.pt                 the chat origin's checkpoint (train/origin_checkpoint.h)
// The tokenizer is the one beside the weights. Rows of the tables that it has no token for are padding (row C-3.4).
#pragma once

#include "train/load_model.h"

namespace lathe::train {

// The name that a model in this folder goes by: the path's last word.
std::string tag_of(const fs::path& path);

// meta: step 0, stage "base", the tokenizer's hash, the model's config, the chat template and generation settings beside it (train/chat_record.h); run is `path`, tag its name. dtype: of activations and
// products. Errors name the file and what is not known about it; weights that are NaN or infinite are an error, too.
Result<LoadedModel> open_model(const fs::path& path, DType dtype);

}  // namespace lathe::train
