// Linear layers: frozen or learning, dense or quantized, with the adapters that are on.
#include "autograd/functions.h"
#include "autograd/gradients.h"
#include "autograd/low_rank.h"
#include "ops/elementwise.h"
#include "ops/linear.h"
#include "ops/low_rank.h"
#include "ops/matmul.h"
#include "ops/profiler.h"

namespace lathe::autograd {
namespace {

// An adapter's part in one call of a layer, for the backward pass.
struct Applied {
  LowRank* adapter;
  Tensor h;                  // (N, r), scaled
  ops::DropoutKey dropout;   // of its input, which is drawn again
  float rate;
  Tensor sum, gain;          // DoRA: the layer's sum before the gain, (N, out), and the gain, (out) float32
};

Tensor adapter_input(ops::Context& ctx, const Tensor& x, const Applied& applied) {
  return applied.rate > 0 ? ops::dropout(ctx, x, applied.rate, applied.dropout) : x;
}

Tensor product(ops::Context& ctx, const Tensor& x, const Parameter& weight, const Tensor& bias) {
  return weight.quantized ? ops::linear(ctx, x, *weight.quantized, bias) : ops::linear(ctx, x, weight.compute, bias);
}

Tensor no_value(ops::Context& ctx, const Var& x, const Parameter& weight) { return ctx.zeros({x.value.dim(0), weight.shape()[0]}, x.value.dtype()); }

// dx is overwritten where it is wanted.
void product_backward(ops::Context& ctx, const Tensor& dy, const Tensor& x, Parameter& weight, Parameter* bias, const Tensor& dx) {
  const Tensor dbias = grad_of(ctx, bias);
  if (!weight.quantized) return ops::linear_backward(ctx, dy, x, weight.compute, dx, grad_of(ctx, &weight), dbias);
  const Tensor w = dx ? ops::dequantize(ctx, *weight.quantized, x.dtype()) : Tensor();
  if (dx) ops::linear_backward(ctx, dy, x, w, dx, Tensor(), Tensor());
  require(!dbias, "[linear] the bias of quantized ", weight.name, " cannot be trained");
}

// A row of zeros has no direction; it stays as it is.
float gain_of(const LowRank& adapter, int64_t row) {
  const float norm = adapter.norms.data<float>()[row];
  return norm > 0 ? adapter.magnitude->value.data<float>()[row] / norm : 1.0f;
}

// magnitude / norm of the rows of W + scale B A.
Tensor dora_gain(Tape& tape, const Parameter& weight, LowRank& adapter) {
  ops::Context& ctx = tape.ctx();
  const Shape shape = weight.shape();
  if (tape.recording() || adapter.norms_stale) {
    const Tensor w = weight.quantized ? ops::dequantize(ctx, *weight.quantized, adapter.a->compute.dtype()) : weight.compute;
    const Tensor delta = ctx.empty(shape, DType::kFloat32);
    ops::matmul(ctx, adapter.b->value, ops::Transpose::kNo, adapter.a->value, ops::Transpose::kNo, delta, false);
    ops::adapted_row_norms(ctx, w, delta, adapter.scale, adapter.norms);
    adapter.norms_stale = tape.recording();
  }
  Tensor gain = ctx.empty({shape[0]}, DType::kFloat32);
  if (ctx.meta()) return gain;
  for (int64_t i = 0; i < shape[0]; ++i) gain.data<float>()[i] = gain_of(adapter, i);
  return gain;
}

// d magnitude = sum over rows of dy * sum / norm; dy of what stands before the gain.
Tensor dora_backward(ops::Context& ctx, const Tensor& dy, const Applied& applied) {
  const LowRank& adapter = *applied.adapter;
  if (const Tensor dm = grad_of(ctx, adapter.magnitude)) {
    const Tensor dgain = ctx.zeros(dm.shape(), DType::kFloat32);
    ops::scale_columns_backward(ctx, dy, applied.sum, dgain);
    for (int64_t i = 0; !ctx.meta() && i < dm.elements(); ++i)
      if (const float norm = adapter.norms.data<float>()[i]; norm > 0) dm.data<float>()[i] += dgain.data<float>()[i] / norm;
  }
  Tensor out = ctx.empty_like(dy);
  ops::scale_columns(ctx, dy, applied.gain, out);
  return out;
}

// The inner part of a layer's sum first: what DoRA rescales.
std::vector<LowRank*> enabled_adapters(const Parameter& weight) {
  std::vector<LowRank*> out;
  for (LowRank* adapter : weight.adapters)
    if (adapter->enabled) out.insert(adapter->magnitude ? out.begin() : out.end(), adapter);
  return out;
}

bool learns(const std::vector<LowRank*>& adapters) {
  for (const LowRank* adapter : adapters)
    if (autograd::learns(adapter->a) || autograd::learns(adapter->b) || autograd::learns(adapter->magnitude)) return true;
  return false;
}

// With `weight` dx is written with that product first.
void adapter_backward(ops::Context& ctx, const Tensor& dy, const Tensor& x, const Applied& applied, const Tensor& dx,
                      const Tensor& weight) {
  LowRank& adapter = *applied.adapter;
  const Tensor input = adapter_input(ctx, x, applied);
  // Through a mask the gradient of the input goes by a tensor of its own.
  const Tensor through = applied.rate > 0 && dx ? ctx.zeros(dx.shape(), dx.dtype()) : dx;
  ops::low_rank_backward(ctx, dy, input, applied.h, adapter.a->compute, adapter.b->compute, adapter.scale, through, grad_of(ctx, adapter.a),
                         grad_of(ctx, adapter.b), weight);
  if (applied.rate <= 0 || !dx) return;
  ops::dropout_backward(ctx, through, applied.rate, applied.dropout, through);
  ops::add_inplace(ctx, dx, through);
}

// Can the layer's own product run by the blocks of its first adapter? Dense, with nothing between the two.
bool joins(const Parameter& weight, const Parameter* bias, const std::vector<LowRank*>& adapters) {
  return !weight.quantized && bias == nullptr && adapters.front()->magnitude == nullptr;
}

Var adapted_linear(Tape& tape, const Var& x, Parameter& weight, Parameter* bias, const ops::DropoutKey* dropout,
                   const std::vector<LowRank*>& adapters, bool value) {
  ops::Context& ctx = tape.ctx();
  const bool dora = adapters.front()->magnitude != nullptr;
  value = value || dora;  // whose backward reads the sum
  const bool together = joins(weight, bias, adapters);
  Tensor y = !value ? no_value(ctx, x, weight)
             : together ? ctx.empty({x.value.dim(0), weight.compute.dim(0)}, x.value.dtype())
                        : product(ctx, x.value, weight, dora ? Tensor() : compute_of(bias));
  std::vector<Applied> parts;
  for (LowRank* adapter : adapters) {
    Applied part{adapter, Tensor(), {}, 0, Tensor(), Tensor()};
    if (dropout && adapter->dropout > 0) {
      part.rate = adapter->dropout;
      part.dropout = *dropout;
      part.dropout.key[1] ^= adapter->stream;
    }
    part.h = ops::low_rank(ctx, adapter_input(ctx, x.value, part), adapter->a->compute, adapter->b->compute,
                           adapter->scale, value ? y : Tensor(), x.value,
                           together && value && parts.empty() ? weight.compute : Tensor());
    if (adapter->magnitude) {
      part.gain = dora_gain(tape, weight, *adapter);
      part.sum = y;
      if (tape.recording()) y = ctx.empty_like(y);
      ops::scale_columns(ctx, part.sum, part.gain, y);
    }
    parts.push_back(std::move(part));
  }
  if (dora && bias) ops::add_bias(ctx, y, bias->compute);
  Var out = tape.result(std::move(y), x.wants_grad() || autograd::learns(&weight) || autograd::learns(bias) || learns(adapters));
  if (out.wants_grad())
    tape.record(out, [x, w = &weight, bias, together, parts = std::move(parts)](Tape& t, const Tensor& dy) {
      Tensor dx = like_if(t.ctx(), x.wants_grad(), x.value);
      const bool gained = bool(parts.front().gain);
      const Tensor inner = gained ? dora_backward(t.ctx(), dy, parts.front()) : dy;
      const bool joined = together && dx && !learns(w) && parts.front().rate <= 0;
      if (!joined) product_backward(t.ctx(), inner, x.value, *w, gained ? nullptr : bias, dx);
      for (size_t i = 0; i < parts.size(); ++i)
        adapter_backward(t.ctx(), parts[i].gain ? inner : dy, x.value, parts[i], dx,
                         joined && i == 0 ? w->compute : Tensor());
      t.add_grad(x, std::move(dx));
    });
  return out;
}

Var plain_linear(Tape& tape, Tensor y, const Var& x, Parameter& weight, Parameter* bias) {
  Var out = tape.result(std::move(y), x.wants_grad() || learns(&weight) || learns(bias));
  if (out.wants_grad())
    tape.record(out, [x, w = &weight, bias](Tape& t, const Tensor& dy) {
      Tensor dx = like_if(t.ctx(), x.wants_grad(), x.value);
      product_backward(t.ctx(), dy, x.value, *w, bias, dx);
      t.add_grad(x, std::move(dx));
    });
  return out;
}

}  // namespace

Tensor grad_of(const ops::Context& ctx, Parameter* parameter) {
  if (parameter == nullptr || !parameter->trainable || !parameter->grad) return Tensor();
  if (!parameter->has_grad) {  // the first use after an optimizer step
    const ops::Timed timed(ctx, "zero_gradient", 0, ops::bytes_of(parameter->grad), ops::shape_variant(parameter->grad.elements() >> 11));
    parameter->grad.fill_zero();
  }
  parameter->has_grad = true;
  return parameter->grad;
}

Var linear(Tape& tape, const Var& x, Parameter& weight, Parameter* bias, const ops::DropoutKey* dropout) {
  const std::vector<LowRank*> adapters = enabled_adapters(weight);
  if (!adapters.empty()) return adapted_linear(tape, x, weight, bias, dropout, adapters, true);
  return plain_linear(tape, product(tape.ctx(), x.value, weight, compute_of(bias)), x, weight, bias);
}

void add_adapters(ops::Context& ctx, const Tensor& x, const Parameter& weight, std::span<const AdapterRun> runs, const Tensor& y) {
  for (const AdapterRun& run : runs)
    for (const LowRank* adapter : weight.adapters)
      if (adapter->number == run.number)
        ops::low_rank(ctx, x.rows(run.begin, run.end), adapter->a->compute, adapter->b->compute, adapter->scale, y.rows(run.begin, run.end));
}

Var linear_without_value(Tape& tape, const Var& x, Parameter& weight, Parameter* bias, const ops::DropoutKey* dropout) {
  const std::vector<LowRank*> adapters = enabled_adapters(weight);
  if (!adapters.empty()) return adapted_linear(tape, x, weight, bias, dropout, adapters, false);
  return plain_linear(tape, no_value(tape.ctx(), x, weight), x, weight, bias);
}

}  // namespace lathe::autograd
