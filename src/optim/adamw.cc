#include "optim/adamw.h"

#include "core/check.h"
#include "ops/update.h"

namespace lathe::optim {

AdamwState make_adamw_state(const Parameter& parameter) {
  const Tensor& value = parameter.value;
  return {Tensor::zeros(value.shape(), DType::kFloat32, value.device()),
          Tensor::zeros(value.shape(), DType::kFloat32, value.device()), 0};
}

void adamw_step(ops::Context& ctx, const ParamGroup& group, std::span<AdamwState> states, float grad_scale) {
  require(states.size() == group.parameters.size(), "[adamw] ", states.size(), " states for ", group.parameters.size(),
          " parameters");
  for (size_t i = 0; i < states.size(); ++i) {
    const Parameter& p = *group.parameters[i];
    if (!p.has_grad) continue;
    AdamwState& state = states[i];
    ++state.step;
    const ops::AdamwStep step{.lr = static_cast<float>(group.lr),
                              .beta1 = static_cast<float>(group.beta1),
                              .beta2 = static_cast<float>(group.beta2),
                              .eps = static_cast<float>(group.eps),
                              .weight_decay = static_cast<float>(group.weight_decay),
                              .step = state.step};
    const bool has_copy = p.compute && p.compute.dtype() != p.value.dtype();
    ops::adamw_update(ctx, p.value, p.grad, state.m, state.v, step, grad_scale, has_copy ? p.compute : Tensor());
  }
}

}  // namespace lathe::optim
