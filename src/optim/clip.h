// Gradient clipping by the global norm (row C-4.21), in the two steps of torch's clip_grad_norm_.
#pragma once

#include <span>

#include "ops/context.h"
#include "optim/groups.h"

namespace lathe::optim {

// sqrt of the sum of squares over all parameters that have a gradient; summed in float64 in the given order.
double gradient_norm(ops::Context& ctx, std::span<Parameter* const> parameters);

// Factor on all gradients: min(1, max_norm / (norm + 1e-6)); 1 when max_norm is 0 (off).
float clip_factor(double norm, double max_norm);

}  // namespace lathe::optim
