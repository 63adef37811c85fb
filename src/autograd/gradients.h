// Helpers of the differentiable operations; included by the sources of autograd/ only.
#pragma once

#include "autograd/parameter.h"
#include "ops/context.h"

namespace lathe::autograd {

// The gradient buffer that a backward adds to, or an empty tensor for a frozen or absent parameter.
Tensor grad_of(const ops::Context& ctx, Parameter* parameter);

inline bool learns(const Parameter* parameter) { return parameter != nullptr && parameter->trainable && parameter->grad; }

inline Tensor compute_of(Parameter* parameter) { return parameter ? parameter->compute : Tensor(); }

inline Tensor like_if(ops::Context& ctx, bool wanted, const Tensor& x) { return wanted ? ctx.empty_like(x) : Tensor(); }

}  // namespace lathe::autograd
