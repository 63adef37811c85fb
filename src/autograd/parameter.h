// A learned tensor: float32 master, the copy that the forward pass reads, and the gradient.
#pragma once

#include <memory>
#include <string>

#include "ops/quantized.h"

namespace lathe::autograd {

struct Parameter {
  std::string name;
  Tensor value;             // float32 master
  Tensor compute;           // activation dtype; the same memory as `value` in float32 runs; refreshed by the optimizer
  Tensor grad;              // float32, the shape of value; empty for a model that is not trained
  bool has_grad = false;    // set by a backward that added to grad; cleared by the optimizer step (row C-4.24)
  bool trainable = true;
  std::shared_ptr<const ops::QuantizedMatrix> quantized;  // inference: what products read instead of `compute`
};

}  // namespace lathe::autograd
