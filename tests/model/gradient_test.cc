// Losses and the gradients of every parameter of every family against a float64 transformer and central differences.
#include <cmath>

#include "tests/ref/model_ref.h"
#include "tests/ref/small_models.h"

namespace lathe::testing {
namespace {

constexpr int64_t kBatch = 2, kLength = 11;
constexpr double kStep = 1e-5, kTolerance = 1e-4;  // of the tensor's gradient norm

struct Problem {
  model::ModelConfig config;
  std::unique_ptr<model::Transformer> model;
  Tensor ids, targets;
  ref::Weights weights;

  explicit Problem(const model::ModelConfig& c)
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
    return ref::transformer_loss(config, weights, indices(ids), indices(targets), kBatch);
  }

  // Mean loss; the gradients of it are added to the parameters'.
  double forward_backward(float backward_scale = 1) const {
    ops::Context ctx;
    autograd::Tape tape(ctx, true);
    tape.set_backward_scale_for_test(backward_scale);
    model::Batch batch;
    batch.ids = ids;
    batch.batch = kBatch;
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

  // Without a rotation a key's bias adds the same to all scores of a query, which softmax takes out again.
  static bool shifts_scores(const autograd::Parameter& p) {
    return std::string_view(p.name).ends_with("attn.c_k.bias");
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

class WholeModel : public ::testing::TestWithParam<int> {
 protected:
  // Shorter than the batch's rows, so that windows hide keys; learned positions need them all.
  SmallModel small() const {
    SmallModel model = small_models(8)[static_cast<size_t>(GetParam())];
    if (model.config.positions == model::Positions::kLearned) model.config.sequence_len = kLength;
    return model;
  }
};

// C-3.2, C-3.8, C-3.36: float32 activations, tables rounded to bfloat16 and widened again.
TEST_P(WholeModel, LogitsAndLossAgreeWithTheFloat64Transformer) {
  Problem p(small().config);
  ops::Context ctx;
  autograd::Tape tape(ctx, false);
  model::Batch batch;
  batch.ids = p.ids;
  batch.batch = kBatch;
  const Tensor logits = p.model->logits(ctx, p.model->forward(tape, batch).value).to(DType::kFloat64);
  const ref::Values expected = ref::transformer_logits(p.config, p.weights, p.indices(p.ids), kBatch);
  EXPECT_TRUE(is_close(std::span<const double>(logits.span<double>()), expected, {2e-5, 2e-5}));
  EXPECT_NEAR(p.forward_backward(), p.reference_loss(), 5e-6);
}

// C-3.15, C-3.39, C-3.41
TEST_P(WholeModel, GradientOfEveryParameterIsTheSlopeOfTheLoss) {
  Problem p(small().config);
  p.forward_backward();
  for (const autograd::Parameter* parameter : p.model->parameters())
    EXPECT_LT(p.worst_error(*parameter), kTolerance) << parameter->name;
}

// The check itself can fail: a backward pass that is wrong by a factor is seen in every parameter below the head.
TEST_P(WholeModel, AWrongBackwardIsSeen) {
  Problem p(small().config);
  p.forward_backward(1.5f);
  for (autograd::Parameter* parameter : p.model->parameters())
    if (parameter != &p.model->head_weight() && !Problem::shifts_scores(*parameter)) {
      EXPECT_GT(p.worst_error(*parameter), 10 * kTolerance) << parameter->name;
    }
}

INSTANTIATE_TEST_SUITE_P(All, WholeModel, ::testing::Range(0, 6),
                         [](const auto& info) { return small_models(8)[static_cast<size_t>(info.param)].name; });

}  // namespace
}  // namespace lathe::testing
