// Where a parameter lies in a GGUF file: llama.cpp's names ("blk.0.attn_q.weight"), LLaMA's queries and keys with the two halves of
// each head interleaved (its rotary embedding turns neighbours), GPT-2's queries, keys and values in one tensor.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "model/config.h"
#include "tensor/tensor.h"

namespace lathe::model {

struct GgufPlace {
  std::string name;
  int64_t heads = 0;      // > 0: rows are interleaved by head
  int64_t first_row = 0;  // of the parameter in the tensor
  int64_t rows = 0;       // of the whole tensor (elements where it has one dimension)
  bool plus_one = false;  // the file holds 1 + weight (Gemma's norms)
};

// Nothing for a parameter that llama.cpp has no place for. interleaved: the architecture turns neighbours ("llama").
std::optional<GgufPlace> gguf_place(const ModelConfig& config, bool interleaved, const std::string& name, const Shape& shape);

// The parameter's row that stands at `row` of the tensor's part.
int64_t parameter_row(const GgufPlace& place, int64_t parameter_rows, int64_t row);

}  // namespace lathe::model
