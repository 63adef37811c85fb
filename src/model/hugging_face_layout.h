// Where a parameter lies in a Hugging Face folder: under its own name as it is, but for GPT-2, whose matrices are stored
// (in, out) and whose queries, keys and values are one.
#pragma once

#include <string>

#include "model/config.h"
#include "tensor/tensor.h"

namespace lathe::model {

struct StoredForm {
  std::string name;
  Shape shape;             // of the whole tensor in the file
  bool transposed = false;
  int64_t column = 0;      // of the file's tensor, where the parameter's first row (or element) stands
};

StoredForm stored_form(const ModelConfig& config, const std::string& name, const Shape& shape);

// stored and parameter are float32; `form` is the parameter's.
void copy_from_stored(const StoredForm& form, const Tensor& stored, const Tensor& parameter);
void copy_to_stored(const StoredForm& form, const Tensor& parameter, const Tensor& stored);

}  // namespace lathe::model
