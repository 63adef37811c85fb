// A layer with its adapters as one matrix, for whoever copies weights without changing the model.
#pragma once

#include "autograd/parameter.h"

namespace lathe::model {

// Adds to `weights`, the base of `parameter` as float32, (out, in) or (rows, width), what its adapters that are on make of it
// (autograd/low_rank.h): low-rank products, DoRA's factor of each row, trained rows of a table.
void add_adapters(const autograd::Parameter& parameter, const Tensor& weights);

}  // namespace lathe::model
