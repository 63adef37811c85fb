#include "infer/model_copy.h"

#include "core/check.h"
#include "model/effective_weights.h"
#include "ops/elementwise.h"

namespace lathe::infer {
namespace {

void copy(ops::Context& ctx, const Tensor& from, const Tensor& to) {
  if (from.dtype() == to.dtype()) to.copy_from(from);
  else ops::cast(ctx, from, to);
}

}  // namespace

ModelCopy::ModelCopy(const model::ModelConfig& config) : transformer_(config, DType::kBFloat16), model_(transformer_) {
  for (autograd::Parameter* parameter : transformer_.parameters())
    if (parameter->value.rank() > 1) parameter->value = Tensor();  // vectors of scalars are read as float32
}

std::unique_ptr<ModelCopy> ModelCopy::of(const model::Transformer& model) { return std::make_unique<ModelCopy>(model.config()); }

void ModelCopy::take(const model::Transformer& from) {
  ops::Context ctx;
  const auto sources = from.parameters();
  const auto targets = transformer_.parameters();
  require(sources.size() == targets.size(), "[model_copy] a model of another config");
  for (size_t i = 0; i < targets.size(); ++i) {
    const autograd::Parameter &source = *sources[i], &target = *targets[i];
    require(source.name == target.name, "[model_copy] ", source.name, " is of another config");
    const Tensor weights = source.quantized ? ops::dequantize(*source.quantized) : source.compute;
    const Tensor into = weights.dim(0) < target.compute.dim(0) ? target.compute.rows(0, weights.dim(0)) : target.compute;  // codes of a head: no padding
    require(weights.shape() == into.shape(), "[model_copy] ", source.name, " is of another config");
    if (source.adapters.empty() && source.trained_rows.empty()) {
      copy(ctx, weights, into);
    } else {
      const Tensor sum = Tensor::empty(weights.shape(), DType::kFloat32);
      copy(ctx, weights, sum);
      model::add_adapters(source, sum);
      copy(ctx, sum, into);
    }
    if (target.value) copy(ctx, source.value ? source.value : source.compute, target.value);
  }
}

int64_t ModelCopy::bytes() const {
  int64_t bytes = 0;
  for (const autograd::Parameter* parameter : transformer_.parameters()) bytes += parameter->compute.bytes() + (parameter->value ? parameter->value.bytes() : 0);
  return bytes;
}

}  // namespace lathe::infer
