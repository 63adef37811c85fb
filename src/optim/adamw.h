// AdamW over a group, with float32 moments or those of 8 bits (rows C-4.3 to C-4.5, L-11.38). Loshchilov & Hutter 2017,
// arXiv:1711.05101.
#pragma once

#include <span>

#include "ops/context.h"
#include "optim/groups.h"

namespace lathe::optim {

// Of one parameter. step counts the updates this parameter has had: the bias correction is its own.
struct AdamwState {
  // The parameter's shape. Float32, or in a group of kind kAdamW8 codes (uint8) with a float32 scale for each block
  // (ops/update.h); without codes the scales are empty.
  Tensor m, v, m_scale, v_scale;
  int64_t step = 0;
};

// Zeros on the parameter's device. kind: kAdamW or kAdamW8.
AdamwState make_adamw_state(const Parameter& parameter, GroupKind kind = GroupKind::kAdamW);

// One update of every parameter of the group that has a gradient; the others keep value and state. Gradients are
// multiplied by grad_scale as they are read. Refreshes the compute copies. states[i] belongs to group.parameters[i].
void adamw_step(ops::Context& ctx, const ParamGroup& group, std::span<AdamwState> states, float grad_scale);

}  // namespace lathe::optim
