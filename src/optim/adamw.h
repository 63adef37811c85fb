// AdamW over a group, with float32 moments (rows C-4.3 to C-4.5). Loshchilov & Hutter 2017, arXiv:1711.05101.
#pragma once

#include <span>

#include "ops/context.h"
#include "optim/groups.h"

namespace lathe::optim {

// Of one parameter. step counts the updates this parameter has had: the bias correction is its own.
struct AdamwState {
  Tensor m, v;  // float32, the parameter's shape
  int64_t step = 0;
};

AdamwState make_adamw_state(const Parameter& parameter);  // zeros on the parameter's device

// One update of every parameter of the group that has a gradient; the others keep value and state. Gradients are multiplied
// by grad_scale as they are read. Refreshes the compute copies. states[i] belongs to group.parameters[i].
void adamw_step(ops::Context& ctx, const ParamGroup& group, std::span<AdamwState> states, float grad_scale);

}  // namespace lathe::optim
