// Losses and the gradients of every parameter of every family against a float64 transformer and central differences.
#include "tests/ref/gradient_problem.h"

namespace lathe::testing {
namespace {

constexpr int64_t kBatch = GradientProblem::kBatch, kLength = GradientProblem::kLength;
constexpr double kTolerance = 1e-4;  // of the tensor's gradient norm

using Problem = GradientProblem;

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
    if (parameter != &p.model->head_weight() && !p.shifts_scores(*parameter)) {
      EXPECT_GT(p.worst_error(*parameter), 10 * kTolerance) << parameter->name;
    }
}

INSTANTIATE_TEST_SUITE_P(All, WholeModel, ::testing::Range(0, 11),
                         [](const auto& info) { return small_models(8)[static_cast<size_t>(info.param)].name; });

}  // namespace
}  // namespace lathe::testing
