// Writing a model as a folder that Hugging Face's library reads: `lathe export --to hf`.
#pragma once

#include "core/manifest.h"
#include "tensor/dtype.h"
#include "train/load_model.h"

namespace lathe::cli {

// A loaded model with its float32 weights, adapters merged, into `folder`, which is there and empty: config.json,
// model.safetensors (weights of `dtype`), tokenizer.json and tokenizer_config.json (tokenizer.model of a SentencePiece model),
// generation_config.json. An error for the chat family and for settings that no model of that library has.
Status export_hugging_face(const train::LoadedModel& loaded, const fs::path& folder, DType dtype, Manifest& manifest);

}  // namespace lathe::cli
