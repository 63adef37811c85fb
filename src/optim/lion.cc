#include "optim/lion.h"

#include "core/check.h"
#include "ops/update.h"

namespace lathe::optim {

void lion_step(ops::Context& ctx, const ParamGroup& group, std::span<const Tensor> momenta, float grad_scale) {
  require(momenta.size() == group.parameters.size(), "[lion] ", momenta.size(), " states for ", group.parameters.size(),
          " parameters");
  const ops::LionStep step{.lr = static_cast<float>(group.lr),
                           .beta1 = static_cast<float>(group.beta1),
                           .beta2 = static_cast<float>(group.beta2),
                           .weight_decay = static_cast<float>(group.weight_decay)};
  for (size_t i = 0; i < momenta.size(); ++i) {
    const Parameter& p = *group.parameters[i];
    if (!p.has_grad) continue;
    const bool has_copy = p.compute && p.compute.dtype() != p.value.dtype();
    ops::lion_update(ctx, p.value, p.grad, momenta[i], step, grad_scale, has_copy ? p.compute : Tensor());
  }
}

}  // namespace lathe::optim
