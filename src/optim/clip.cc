#include "optim/clip.h"

#include <cmath>

#include "ops/update.h"

namespace lathe::optim {

double gradient_norm(ops::Context& ctx, std::span<Parameter* const> parameters) {
  double sum = 0;
  for (const Parameter* parameter : parameters)
    if (parameter->has_grad) sum += ops::sum_of_squares(ctx, parameter->grad);
  return std::sqrt(sum);
}

float clip_factor(double norm, double max_norm) {
  if (max_norm <= 0) return 1.0f;
  const double factor = max_norm / (norm + 1e-6);
  return factor > 1.0 ? 1.0f : static_cast<float>(factor);  // a NaN norm gives a NaN factor, as in torch
}

}  // namespace lathe::optim
