// A learned tensor: float32 master, the copy that the forward pass reads, and the gradient.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "ops/quantized.h"

namespace lathe::autograd {

struct LowRank;      // autograd/low_rank.h
struct TrainedRows;

struct Parameter {
  std::string name;
  Tensor value;             // float32 master
  Tensor compute;           // activation dtype; the same memory as `value` in float32 runs; refreshed by the optimizer
  Tensor grad;              // float32, the shape of value; empty for a model that is not trained
  bool has_grad = false;    // set by a backward that added to grad; cleared by the optimizer step (row C-4.24)
  bool trainable = true;
  std::shared_ptr<const ops::QuantizedMatrix> quantized;  // what products read instead of `compute`; frozen
  std::vector<LowRank*> adapters;          // of a linear layer, in the order in which they are added; not owned
  std::vector<TrainedRows*> trained_rows;  // of an embedding or a head, the later ones win; not owned

  // A frozen parameter keeps one of the three forms only.
  Shape shape() const {
    if (value) return value.shape();
    return compute || !quantized ? compute.shape() : Shape{quantized->outputs, quantized->inputs};
  }
};

}  // namespace lathe::autograd
