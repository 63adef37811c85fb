#include "ops/update.h"

#include <initializer_list>

#include "ops/kernels.h"
#include "ops/profiler.h"

namespace lathe::ops {

namespace {

uint64_t variant_of(const Tensor& p) { return shape_variant(p.elements() >> 11); }

void check_floats(const char* op, const Tensor& p, std::initializer_list<const Tensor*> others, const Tensor& compute) {
  require(p && p.dtype() == DType::kFloat32, op, " the parameter must be float32");
  for (const Tensor* x : others)
    require(*x && x->dtype() == DType::kFloat32 && x->elements() == p.elements(), op, " gradient and moments must be ", p.elements(),
            " float32 values, got ", x->shape(), " ", dtype_name(x->dtype()));
  require(!compute || (compute.dtype() == DType::kBFloat16 && compute.elements() == p.elements()), op, " compute must be ",
          p.elements(), " bf16 values, got ", compute.shape(), " ", dtype_name(compute.dtype()));
}

void check_codes(const Tensor& codes, const Tensor& scales, int64_t n) {
  require(codes && codes.dtype() == DType::kUInt8 && codes.elements() == n, "[adamw8] codes must be ", n, " uint8 values, got ",
          codes.shape(), " ", dtype_name(codes.dtype()));
  require(scales && scales.dtype() == DType::kFloat32 && scales.elements() == moment_blocks(n), "[adamw8] scales must be ",
          moment_blocks(n), " float32 values, got ", scales.shape(), " ", dtype_name(scales.dtype()));
}

}  // namespace

void adamw_update(Context& ctx, const Tensor& p, const Tensor& g, const Tensor& m, const Tensor& v, const AdamwStep& step,
                  float grad_scale, const Tensor& compute) {
  check_floats("[adamw]", p, {&g, &m, &v}, compute);
  require(step.step >= 1, "[adamw] steps count from 1, got ", step.step);
  const Timed timed(ctx, "adamw", 14 * static_cast<double>(p.elements()), bytes_of(p, p, g, m, m, v, v, compute), variant_of(p));
  if (!ctx.meta()) kernels_of(ctx.device()).adamw(p, g, m, v, step, grad_scale, compute);
}

void adamw8_update(Context& ctx, const Tensor& p, const Tensor& g, const Moments8& moments, const AdamwStep& step,
                   float grad_scale, const Tensor& compute) {
  check_floats("[adamw8]", p, {&g}, compute);
  check_codes(moments.m, moments.m_scale, p.elements());
  check_codes(moments.v, moments.v_scale, p.elements());
  require(step.step >= 1, "[adamw8] steps count from 1, got ", step.step);
  const Timed timed(ctx, "adamw8", 40 * static_cast<double>(p.elements()),
                    bytes_of(p, p, g, moments.m, moments.m, moments.v, moments.v, compute), variant_of(p));
  if (!ctx.meta()) kernels_of(ctx.device()).adamw8(p, g, moments, step, grad_scale, compute);
}

void lion_update(Context& ctx, const Tensor& p, const Tensor& g, const Tensor& m, const LionStep& step, float grad_scale,
                 const Tensor& compute) {
  check_floats("[lion]", p, {&g, &m}, compute);
  const Timed timed(ctx, "lion", 9 * static_cast<double>(p.elements()), bytes_of(p, p, g, m, m, compute), variant_of(p));
  if (!ctx.meta()) kernels_of(ctx.device()).lion(p, g, m, step, grad_scale, compute);
}

double sum_of_squares(Context& ctx, const Tensor& x) {
  require(x && x.dtype() == DType::kFloat32, "[sum_of_squares] needs float32, got ", dtype_name(x.dtype()));
  const Timed timed(ctx, "sum_of_squares", 2 * static_cast<double>(x.elements()), bytes_of(x));
  return ctx.meta() ? 0 : kernels_of(ctx.device()).sum_of_squares(x);
}

void scale_inplace(Context& ctx, const Tensor& x, float factor) {
  require_activation("[scale]", x);
  const Timed timed(ctx, "scale", 1 * static_cast<double>(x.elements()), bytes_of(x, x));
  if (!ctx.meta()) kernels_of(ctx.device()).scale(x, factor);
}

}  // namespace lathe::ops
