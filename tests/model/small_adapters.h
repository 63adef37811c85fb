// Adapters with random values on small models, for tests.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "model/adapter.h"
#include "tests/ref/small_models.h"

namespace lathe::testing {

inline model::AdapterConfig small_adapter_config(int64_t r = 4) {
  model::AdapterConfig config;
  config.r = r;
  config.alpha = 2 * static_cast<double>(r);
  return config;
}

// Every tensor moved away from its start, so that none is zero and every gradient is alive.
inline void disturb(model::Adapter& adapter, uint64_t seed = 5) {
  for (autograd::Parameter* p : adapter.parameters()) {
    Rng rng(seed, p->name);
    const double deviation = p->value.rank() == 2 ? 0.5 / std::sqrt(static_cast<double>(p->value.dim(1))) : 0.2;
    for (float& x : p->value.span<float>()) x += static_cast<float>(deviation * rng.normal());
  }
  adapter.refresh();
}

inline std::unique_ptr<model::Adapter> random_adapter(model::Transformer& model, const model::AdapterConfig& config, uint64_t seed = 5) {
  std::unique_ptr<model::Adapter> adapter = take(model::Adapter::create(model, config, seed));
  disturb(*adapter, seed);
  return adapter;
}

struct Step {
  std::vector<float> nll;
  double loss = 0;  // mean
};

// The losses of `ids` (B rows) against `targets`; recording: also the gradients of their mean.
inline Step loss_of(model::Transformer& model, const Tensor& ids, const Tensor& targets, int64_t rows, bool recording, bool training = false) {
  const int64_t n = ids.elements();
  const Tensor factor = Tensor::empty({n}, DType::kFloat32);
  for (float& f : factor.span<float>()) f = 1.0f / static_cast<float>(n);
  ops::Context ctx;
  autograd::Tape tape(ctx, recording);
  model::Batch batch;
  batch.ids = ids;
  batch.batch = rows;
  batch.training = training;
  batch.dropout_key = rng_key(3, "dropout");
  const Tensor nll = model.loss(tape, model.forward(tape, batch), targets, factor);
  Step step;
  step.nll.assign(nll.span<float>().begin(), nll.span<float>().end());
  for (const float x : step.nll) step.loss += double{x} / static_cast<double>(n);
  if (recording) tape.backward();
  return step;
}

inline std::vector<float> copy_of(const Tensor& x) {
  const Tensor y = x.to(DType::kFloat32);
  return {y.span<float>().begin(), y.span<float>().end()};
}

}  // namespace lathe::testing
