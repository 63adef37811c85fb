// A GGUF file as a model: weights (model/gguf_model.h) and the tokenizer in its metadata (tokenizer/gguf_vocabulary.h) joined.
#pragma once

#include "tensor/gguf.h"
#include "tokenizer/gguf_vocabulary.h"
#include "train/load_model.h"

namespace lathe::train {

// As open_model (open_model.h) has it.
Result<LoadedModel> open_gguf(const fs::path& path, DType dtype);

// The tokenizer.ggml.* keys as vectors, and the keys that those are written as.
Result<tokenizer::GgufVocabulary> read_gguf_vocabulary(const GgufFile& file, const std::string& path);
std::vector<std::pair<std::string, GgufValue>> gguf_vocabulary_keys(const tokenizer::GgufVocabulary& vocabulary);

}  // namespace lathe::train
