#include "infer/model_copy.h"

#include "core/check.h"
#include "ops/elementwise.h"

namespace lathe::infer {

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
    require(source.name == target.name && source.compute.shape() == target.compute.shape(), "[model_copy] ", source.name, " is of another config");
    if (source.compute.dtype() == target.compute.dtype()) target.compute.copy_from(source.compute);
    else ops::cast(ctx, source.compute, target.compute);
    if (!target.value) continue;
    if (source.value) target.value.copy_from(source.value);
    else ops::cast(ctx, source.compute, target.value);
  }
}

int64_t ModelCopy::bytes() const {
  int64_t bytes = 0;
  for (const autograd::Parameter* parameter : transformer_.parameters()) bytes += parameter->compute.bytes() + (parameter->value ? parameter->value.bytes() : 0);
  return bytes;
}

}  // namespace lathe::infer
