// Reads models in Hugging Face's folder form (config.json + model.safetensors) into the project's own transformer:
// LLaMA (grouped heads, tied or untied, LLaMA 3's rope scaling) and GPT-2 (fused, transposed projections are split).
// What the reader does not know is an error that names the key; nothing in a file is executed.
#pragma once

#include <memory>

#include "core/file.h"
#include "model/transformer.h"

namespace lathe::model {

Result<ModelConfig> read_hugging_face_config(const fs::path& folder);
Result<std::unique_ptr<Transformer>> load_hugging_face(const fs::path& folder, DType dtype, bool with_gradients = false);

}  // namespace lathe::model
