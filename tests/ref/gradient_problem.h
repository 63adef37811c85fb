// A model with random weights and a batch: its loss and gradients, and the float64 transformer's loss and slopes beside them.
#pragma once

#include <algorithm>
#include <cmath>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "tests/ref/model_ref.h"
#include "tests/ref/small_models.h"

namespace lathe::testing {

struct GradientProblem {
  static constexpr int64_t kBatch = 2, kLength = 11;
  static constexpr double kStep = 1e-5;

  model::ModelConfig config;
  std::unique_ptr<model::Transformer> model;
  Tensor ids, targets;
  ref::Weights weights;
  std::set<int64_t> skipped;  // blocks that the last forward_backward() passed by

  explicit GradientProblem(const model::ModelConfig& c)
      : config(c),
        model(random_model(c, DType::kFloat32, true)),
        ids(random_ids(kBatch * kLength, c.vocab_size, 1)),
        targets(random_ids(kBatch * kLength, c.vocab_size, 2)) {
    targets.data<int32_t>()[3] = targets.data<int32_t>()[kLength] = -1;
    for (const autograd::Parameter* p : model->parameters())
      weights[p->name] = ref::Values(p->value.span<float>().begin(), p->value.span<float>().end());
  }

  ref::Indices indices(const Tensor& x) const { return {x.span<int32_t>().begin(), x.span<int32_t>().end()}; }
  double reference_loss() const {
    return ref::transformer_loss(config, weights, indices(ids), indices(targets), kBatch, skipped);
  }

  // Mean loss; the gradients of it are added to the parameters'.
  double forward_backward(float backward_scale = 1) {
    ops::Context ctx;
    autograd::Tape tape(ctx, true);
    tape.set_backward_scale_for_test(backward_scale);
    model::Batch batch;
    batch.ids = ids;
    batch.batch = kBatch;
    batch.training = true;
    batch.layerdrop_key = rng_key(1, "layerdrop");
    batch.layerdrop_call = 5;
    for (int64_t i = 0; i < config.n_layer; ++i) skipped.insert(i);
    model->set_probe_for_test(
        [](void* self, const std::string& name, const Tensor&) {
          if (name.starts_with("block.")) static_cast<GradientProblem*>(self)->skipped.erase(std::stoll(name.substr(6)));
        },
        this);
    double valid = 0, sum = 0;
    for (const int32_t t : targets.span<int32_t>()) valid += t >= 0;
    const Tensor factor = Tensor::empty({targets.elements()}, DType::kFloat32);
    for (float& f : factor.span<float>()) f = static_cast<float>(1 / valid);
    const Tensor nll = model->loss(tape, model->forward(tape, batch), targets, factor);
    for (const float x : nll.span<float>()) sum += double{x};
    tape.backward();
    return sum / valid;
  }

  // d loss / d weight along `direction`.
  double slope(const std::string& name, const ref::Values& direction) {
    ref::Values& w = weights.at(name);
    const ref::Values kept = w;
    double sides[2];
    for (const int side : {0, 1}) {
      for (size_t i = 0; i < w.size(); ++i) w[i] = kept[i] + (side == 0 ? kStep : -kStep) * direction[i];
      sides[side] = reference_loss();
    }
    w = kept;
    return (sides[0] - sides[1]) / (2 * kStep);
  }

  // Without a rotation and a norm a key's bias adds the same to all scores of a query, which softmax takes out again.
  bool shifts_scores(const autograd::Parameter& p) const {
    return config.positions == model::Positions::kLearned && !config.qk_norm &&
           (p.name.ends_with("c_k.bias") || p.name.ends_with("k_proj.bias"));
  }

  // The largest |engine - finite difference| / norm over a random direction, the largest element and two random ones.
  double worst_error(const autograd::Parameter& p) {
    const std::span<const float> g = p.grad.span<float>();
    double square = 0;
    for (const float x : g) square += double{x} * double{x};
    const double norm = std::sqrt(square);
    if (shifts_scores(p)) {  // no gradient: nothing to be relative to
      EXPECT_LT(norm, 2e-6) << p.name;
      return std::abs(slope(p.name, ref::Values(g.size(), 1.0)));
    }
    EXPECT_GT(norm, 1e-5) << p.name << " has no gradient to check";
    Rng rng(5, p.name);
    std::vector<ref::Values> directions(4, ref::Values(g.size(), 0.0));
    for (double& x : directions[0]) x = rng.normal();
    const auto larger = [](float a, float b) { return std::abs(a) < std::abs(b); };
    directions[1][static_cast<size_t>(std::max_element(g.begin(), g.end(), larger) - g.begin())] = 1;
    for (const size_t d : {size_t{2}, size_t{3}}) directions[d][rng.below(g.size())] = 1;
    double worst = 0;
    for (const ref::Values& direction : directions) {
      double engine = 0;
      for (size_t i = 0; i < g.size(); ++i) engine += double{g[i]} * direction[i];
      worst = std::max(worst, std::abs(engine - slope(p.name, direction)) / norm);
    }
    return worst;
  }
};

}  // namespace lathe::testing
