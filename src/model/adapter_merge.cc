// An adapter's update in the base weights.
#include "model/adapter_parts.h"
#include "ops/low_rank.h"
#include "ops/matmul.h"
#include "ops/elementwise.h"

namespace lathe::model {

using autograd::Parameter;

namespace {

void refresh_copy(ops::Context& ctx, const Parameter& p) {
  if (p.compute.dtype() != p.value.dtype()) ops::cast(ctx, p.value, p.compute);
}

// w = gain * (w + scale * delta) by row, or back.
void apply(const Tensor& w, const Tensor& delta, float scale, const Tensor& gain, bool back) {
  const int64_t rows = w.dim(0), columns = w.dim(1);
  float* to = w.data<float>();
  const float* from = delta.data<float>();
  for (int64_t r = 0; r < rows; ++r) {
    const float g = gain ? gain.data<float>()[r] : 1.0f;
    for (int64_t i = r * columns; i < (r + 1) * columns; ++i) to[i] = back ? to[i] / g - scale * from[i] : g * (to[i] + scale * from[i]);
  }
}

void copy_row(const Tensor& from, int64_t i, const Tensor& to, int64_t k) { to.rows(k, k + 1).copy_from(from.rows(i, i + 1)); }

}  // namespace

Status Adapter::merge() {
  if (merged_) return error("the adapter is merged already");
  if (!enabled_) return error("an adapter that is switched off cannot be merged");
  for (const auto& target : targets_)
    if (!target->base->value) return error_at(target->base->name, -1, "has no float32 master to merge into; load the base with --dtype fp32");
  for (const auto& rows : rows_)
    if (!rows->table->value) return error_at(rows->table->name, -1, "has no float32 master to merge into; load the base with --dtype fp32");
  ops::Context ctx;
  for (const auto& target : targets_) {
    Parameter& base = *target->base;
    const Tensor delta = ctx.empty(base.value.shape(), DType::kFloat32);
    ops::matmul(ctx, target->b.value, ops::Transpose::kNo, target->a.value, ops::Transpose::kNo, delta, false);
    if (config_.dora) {
      target->merged_gain = Tensor::empty({base.value.dim(0)}, DType::kFloat32);
      ops::adapted_row_norms(ctx, base.value, delta, target->low_rank.scale, target->merged_gain);
      float* gain = target->merged_gain.data<float>();
      for (int64_t i = 0; i < base.value.dim(0); ++i) gain[i] = gain[i] > 0 ? target->magnitude.value.data<float>()[i] / gain[i] : 1.0f;
    }
    apply(base.value, delta, target->low_rank.scale, target->merged_gain, false);
    refresh_copy(ctx, base);
  }
  for (const auto& rows : rows_) {
    const Tensor& ids = rows->trained.ids;
    rows->before = Tensor::empty(rows->rows.value.shape(), DType::kFloat32);
    for (int64_t i = 0; i < ids.elements(); ++i) {
      const int64_t id = ids.data<int32_t>()[i];
      // In float32 the table holds the trained row already.
      copy_row(rows->table->compute.dtype() == DType::kFloat32 ? rows->trained.base : rows->table->value,
               rows->table->compute.dtype() == DType::kFloat32 ? i : id, rows->before, i);
      copy_row(rows->rows.value, i, rows->table->value, id);
    }
  }
  merged_ = true;
  switch_low_rank();
  return {};
}

Status Adapter::unmerge() {
  if (!merged_) return error("the adapter is not merged");
  ops::Context ctx;
  for (const auto& target : targets_) {
    Parameter& base = *target->base;
    const Tensor delta = ctx.empty(base.value.shape(), DType::kFloat32);
    ops::matmul(ctx, target->b.value, ops::Transpose::kNo, target->a.value, ops::Transpose::kNo, delta, false);
    apply(base.value, delta, target->low_rank.scale, target->merged_gain, true);
    target->merged_gain = Tensor();
    refresh_copy(ctx, base);
  }
  for (const auto& rows : rows_)
    for (int64_t i = 0; i < rows->trained.ids.elements(); ++i) copy_row(rows->before, i, rows->table->value, rows->trained.ids.data<int32_t>()[i]);
  merged_ = false;
  switch_low_rank();
  return {};
}

}  // namespace lathe::model
