// Models in Hugging Face's folder form (config.json, model.safetensors or its shards) into the project's own transformer and out
// of it: LLaMA 1 to 3 (and SmolLM), Mistral, Qwen 2 and 3, Gemma 2 and 3 (text), SmolLM 3, GPT-2. What the reader does not know
// is an error that names the key or the tensor; sizes are compared with the files before memory is taken, nothing is executed.
// docs/models.md has the table of what each family maps to.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/file.h"
#include "core/json.h"
#include "model/transformer.h"

namespace lathe::model {

const char* hugging_face_types();  // the model_type words that are read, as a phrase
Result<ModelConfig> read_hugging_face_config(const fs::path& folder);
// model.safetensors, or the shards that model.safetensors.index.json names, each a plain file of the folder.
Result<std::vector<fs::path>> hugging_face_weight_files(const fs::path& folder);
// dtype: of activations and products. tokens: of the tokenizer, if above 0: rows of the tables beyond are padding (row C-3.4).
Result<std::unique_ptr<Transformer>> load_hugging_face(const fs::path& folder, DType dtype, bool with_gradients = false,
                                                       int64_t tokens = 0);

// config.json of a model, in both spellings at once, so that older and newer readers agree; dtype is that of the weights beside
// it. bos, eos: token ids, -1 for none. An error for what that library has no model of: the chat family, and settings that
// no published family has together.
Result<Json> hugging_face_config(const ModelConfig& config, DType dtype, int32_t bos, int32_t eos);
// Tensors as that library names and lays them, of fp32, bf16 or fp16; needs the float32 masters.
std::vector<std::pair<std::string, Tensor>> hugging_face_tensors(const Transformer& model, DType dtype);

}  // namespace lathe::model
