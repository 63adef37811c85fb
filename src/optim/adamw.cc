#include "optim/adamw.h"

#include "core/check.h"
#include "ops/update.h"

namespace lathe::optim {

AdamwState make_adamw_state(const Parameter& parameter, GroupKind kind) {
  const Tensor& value = parameter.value;
  const auto zeros = [&](const Shape& shape, DType dtype) { return Tensor::zeros(shape, dtype, value.device()); };
  if (kind == GroupKind::kAdamW)
    return {zeros(value.shape(), DType::kFloat32), zeros(value.shape(), DType::kFloat32), Tensor(), Tensor(), 0};
  const Shape blocks{ops::moment_blocks(value.elements())};
  return {zeros(value.shape(), DType::kUInt8), zeros(value.shape(), DType::kUInt8), zeros(blocks, DType::kFloat32),
          zeros(blocks, DType::kFloat32), 0};
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
    const Tensor copy = has_copy ? p.compute : Tensor();
    if (state.m_scale)
      ops::adamw8_update(ctx, p.value, p.grad, {state.m, state.v, state.m_scale, state.v_scale}, step, grad_scale, copy);
    else
      ops::adamw_update(ctx, p.value, p.grad, state.m, state.v, step, grad_scale, copy);
  }
}

}  // namespace lathe::optim
