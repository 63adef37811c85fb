// Steady-state training asks the system for no memory: the arena is reserved from the plan, and nothing of 4096 bytes
// or more comes from operator new in a later step.
#include "optim/optimizer.h"
#include "tests/ref/counting_new.h"
#include "tests/ref/small_models.h"
#include "train/plan.h"

namespace lathe::testing {
namespace {

struct Kind {
  DType dtype;
  model::Recompute recompute;
};

class Allocation : public ::testing::TestWithParam<Kind> {};

// C-16.10
TEST_P(Allocation, SteadyStateStepsTakeNone) {
  for (const SmallModel& small : small_models(64)) {
    SCOPED_TRACE(small.name);
    constexpr int64_t kRows = 4, kLength = 64;
    const auto [dtype, recompute] = GetParam();
    model::Transformer model(small.config, dtype, Device::kCpu, true);
    model.initialise(1);
    model.set_recompute(recompute);
    const std::vector<autograd::Parameter*> parameters = model.parameters();
    const bool newest = small.name == "newest";
    optim::OptimizerOptions options;
    options.muon_form = newest ? optim::MuonForm::kNewest : optim::MuonForm::kSeed;
    optim::Optimizer optimizer(small.config.family == model::Family::kChat
                                   ? optim::chat_groups(parameters, small.config.n_embd, {},
                                                        newest ? optim::ChatRules::kNewest : optim::ChatRules::kSeed)
                                   : optim::adamw_groups(parameters, {}),
                               options);
    const Tensor ids = random_ids(kRows * kLength, 27, 1), targets = random_ids(kRows * kLength, 27, 2);
    const Tensor factor = Tensor::empty({kRows * kLength}, DType::kFloat32);
    for (float& f : factor.span<float>()) f = 1.0f / (kRows * kLength);
    ops::Context ctx;
    ctx.arena().reserve(train::activation_bytes(small.config, dtype, kRows, kLength, recompute));
    autograd::Tape tape(ctx, true);
    for (int step = 1; step <= 4; ++step) {
      const bool counting = step >= 3;
      const int64_t before = large_blocks;
      const auto taken = [&] { return counting ? large_blocks - before : 0; };
      {
        model::Batch batch;
        batch.ids = ids;
        batch.batch = kRows;
        // Both live through the backward pass, as in the loop and in its plan.
        const autograd::Var hidden = model.forward(tape, batch);
        const Tensor nll = model.loss(tape, hidden, targets, factor);
        tape.backward();
        tape.clear();
      }
      EXPECT_EQ(ctx.arena().growths(), 0) << "forward and backward of step " << step;
      EXPECT_EQ(taken(), 0) << "forward and backward of step " << step;
      optimizer.step(ctx);
      EXPECT_EQ(taken(), 0) << "step " << step;
      EXPECT_EQ(ctx.arena().growths(), 0) << "step " << step;
      EXPECT_EQ(ctx.arena().bytes_in_use(), 0);
    }
  }
}

// The counter sees what it is there to see.
TEST(AllocationCounter, CountsLargeBlocks) {
  const int64_t before = large_blocks;
  const std::vector<char> small(kLarge / 2), large(2 * kLarge);
  EXPECT_EQ(large_blocks - before, 1);
  EXPECT_EQ(small.size() + large.size(), kLarge * 5 / 2);
}

constexpr Kind kKinds[] = {
    {DType::kFloat32, model::Recompute::kNone},      {DType::kBFloat16, model::Recompute::kNone},
    {DType::kFloat32, model::Recompute::kAttention}, {DType::kBFloat16, model::Recompute::kAttention},
    {DType::kFloat32, model::Recompute::kBlock},     {DType::kBFloat16, model::Recompute::kBlock}};
INSTANTIATE_TEST_SUITE_P(All, Allocation, ::testing::ValuesIn(kKinds), [](const auto& info) {
  return std::string(info.param.dtype == DType::kFloat32 ? "fp32_" : "bf16_") +
         model::recompute_name(info.param.recompute);
});

}  // namespace
}  // namespace lathe::testing
