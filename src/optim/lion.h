// Lion over a group: the sign of an average, one float32 state (rows L-11.40 to L-11.42). Chen et al. 2023, arXiv:2302.06675.
#pragma once

#include <span>

#include "ops/context.h"
#include "optim/groups.h"

namespace lathe::optim {

// One update of every parameter of the group that has a gradient; the others keep value and state. Gradients are multiplied by
// grad_scale as they are read. Refreshes the compute copies. momenta[i], float32 of the shape of group.parameters[i], starts
// at zero.
void lion_step(ops::Context& ctx, const ParamGroup& group, std::span<const Tensor> momenta, float grad_scale);

}  // namespace lathe::optim
