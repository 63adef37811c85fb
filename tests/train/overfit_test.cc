// A model that cannot learn one batch by heart is wrong somewhere between loss and update.
#include "optim/optimizer.h"
#include "optim/schedule.h"
#include "tests/ref/small_models.h"

namespace lathe::testing {
namespace {

class Overfit : public ::testing::TestWithParam<int> {};

TEST_P(Overfit, OneBatchToALossBelow005) {
  const SmallModel small = small_models(16)[static_cast<size_t>(GetParam())];
  const model::ModelConfig& config = small.config;
  model::Transformer model(config, DType::kFloat32, Device::kCpu, true);
  model.initialise(3);
  const std::vector<autograd::Parameter*> parameters = model.parameters();
  const bool chat = config.family == model::Family::kChat;
  optim::OptimizerOptions options;
  options.muon_form = small.name == "newest" ? optim::MuonForm::kNewest : optim::MuonForm::kSeed;
  optim::AdamwRates adamw;
  adamw.lr = 0.01, adamw.weight_decay = 0;
  optim::Optimizer optimizer(
      chat ? optim::chat_groups(parameters, config.n_embd, {},
                                small.name == "newest" ? optim::ChatRules::kNewest : optim::ChatRules::kSeed)
           : optim::adamw_groups(parameters, adamw),
      options);
  constexpr int64_t kRows = 4, kLength = 16;
  const Tensor ids = random_ids(kRows * kLength, config.vocab_size, 1),
               targets = random_ids(kRows * kLength, config.vocab_size, 2);
  const Tensor factor = Tensor::empty({kRows * kLength}, DType::kFloat32);
  for (float& f : factor.span<float>()) f = 1.0f / (kRows * kLength);
  ops::Context ctx;
  double loss = 0, first = 0;
  int step = 0;
  for (; step < 300; ++step) {
    autograd::Tape tape(ctx, true);
    model::Batch batch;
    batch.ids = ids;
    batch.batch = kRows;
    const Tensor nll = model.loss(tape, model.forward(tape, batch), targets, factor);
    loss = 0;
    for (const float x : nll.span<float>()) loss += double{x} / (kRows * kLength);
    if (step == 0) first = loss;
    if (loss < 0.05) break;
    tape.backward();
    optimizer.step(ctx);
  }
  EXPECT_GT(first, 2.5);  // random targets over 27 tokens: about log 27
  EXPECT_LT(loss, 0.05) << "after " << step << " steps";
}

INSTANTIATE_TEST_SUITE_P(All, Overfit, ::testing::Range(0, 6),
                         [](const auto& info) { return small_models(16)[static_cast<size_t>(info.param)].name; });

}  // namespace
}  // namespace lathe::testing
