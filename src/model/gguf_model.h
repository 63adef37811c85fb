// Models between GGUF files and the project's own transformer. Read: llama (LLaMA 1 to 3, Mistral, SmolLM), qwen2, qwen3, gemma2,
// gemma3 and gpt2 with any of the known block codes; written: the same. What is not known is an error that names the key or tensor; every shape is compared
// with the file before memory is taken. docs/models.md, docs/formats/gguf.md.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "model/transformer.h"
#include "tensor/gguf.h"

namespace lathe::model {

// `path` is for messages.
Result<ModelConfig> gguf_config(const GgufFile& file, const std::string& path);
// tokens > 0: of the tokenizer; further rows of the tables are padding.
Result<std::unique_ptr<Transformer>> load_gguf(const GgufFile& file, const std::string& path, DType dtype, bool with_gradients = false, int64_t tokens = 0);

// What a file of a model holds beside its tokenizer; `model` must outlive the sources and have its float32 masters.
struct GgufContent {
  std::vector<std::pair<std::string, GgufValue>> metadata;  // general.* and the architecture's keys
  std::vector<GgufSource> tensors;
};
// name: general.name. Matrices in `type`, by stored_type() below. Error with the reason for what llama.cpp cannot run.
Result<GgufContent> gguf_content(const Transformer& model, const std::string& name, BlockType type);

// The type that a tensor gets in a file of `type`: what has one dimension stays f32; the head (or the embedding that is the head,
// `tied`) of four-bit files keeps six bits; rows that are no whole blocks get q8_0 or, failing that, f16.
BlockType stored_type(const std::string& name, const std::vector<int64_t>& extents, BlockType type, bool tied);

}  // namespace lathe::model
