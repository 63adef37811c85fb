// Recomputed activations: the loss and every gradient have the bits of the run that keeps them, in less memory.
#include <cstring>

#include "core/parallel.h"
#include "tests/ref/small_models.h"

namespace lathe::testing {
namespace {

using model::Recompute;

constexpr int64_t kRows = 2, kLength = 80;  // longer than the windows below

// The small models with grouped heads, windows, tied heads, value embeddings, lambdas, smear and backout; with dropout;
// with layerdrop; and backout without lambdas, where a block's input has three users.
std::vector<SmallModel> models() {
  std::vector<SmallModel> out = small_models(32);
  for (SmallModel& small : out)
    if (small.config.positions == model::Positions::kLearned) small.config.sequence_len = kLength;
  SmallModel dropout{"gpt2_dropout", out.back().config};
  dropout.config.dropout = 0.2;
  out.push_back(dropout);
  SmallModel layerdrop{"gpt2_layerdrop", dropout.config};
  layerdrop.config.n_layer = 4;
  layerdrop.config.layerdrop = 0.4;
  out.push_back(layerdrop);
  SmallModel plain{"backout_without_lambdas", small_chat(model::ChatState::kNewest, 32)};
  plain.config.lambdas = false;
  out.push_back(plain);
  return out;
}

struct Outcome {
  std::vector<std::vector<float>> results;  // the losses, then the gradients in model order
  int64_t kept_bytes = 0;                   // in the arena when the forward pass has ended
};

Outcome run(model::Transformer& model, Recompute recompute, int threads) {
  set_num_threads(threads);
  model.set_recompute(recompute);
  for (autograd::Parameter* p : model.parameters()) p->grad.fill_zero(), p->has_grad = false;
  const Tensor ids = random_ids(kRows * kLength, 27, 1), targets = random_ids(kRows * kLength, 27, 2);
  const Tensor factor = Tensor::empty({kRows * kLength}, DType::kFloat32);
  for (float& f : factor.span<float>()) f = 1.0f / (kRows * kLength);
  ops::Context ctx;
  autograd::Tape tape(ctx, true);
  Outcome out;
  const auto keep = [&](const Tensor& x) { out.results.emplace_back(x.span<float>().begin(), x.span<float>().end()); };
  for (uint64_t micro = 0; micro < 2; ++micro) {  // the second adds to the gradients of the first
    model::Batch batch;
    batch.ids = ids;
    batch.batch = kRows;
    batch.training = true;
    batch.dropout_key = rng_key(3, "dropout");
    batch.dropout_call = batch.layerdrop_call = micro;
    batch.layerdrop_key = rng_key(3, "layerdrop");
    const autograd::Var hidden = model.forward(tape, batch);
    out.kept_bytes = ctx.arena().bytes_in_use();
    keep(model.loss(tape, hidden, targets, factor));
    tape.backward();
    tape.clear();
  }
  for (const autograd::Parameter* p : model.parameters()) keep(p->grad);
  set_num_threads(2);
  return out;
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return !a.empty() && a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

class RecomputeBits : public ::testing::TestWithParam<std::tuple<int, DType>> {};

// L-11.45, L-11.87, L-5.20
TEST_P(RecomputeBits, LossAndEveryGradientAreEqual) {
  const model::ModelConfig config = models()[static_cast<size_t>(std::get<0>(GetParam()))].config;
  const std::unique_ptr<model::Transformer> model = random_model(config, std::get<1>(GetParam()), true);
  const std::vector<autograd::Parameter*> parameters = model->parameters();
  const Outcome kept = run(*model, Recompute::kNone, 1);
  for (const Recompute recompute : {Recompute::kAttention, Recompute::kBlock})
    for (const int threads : {1, 2}) {
      SCOPED_TRACE(model::recompute_name(recompute) + ", " + std::to_string(threads) + " threads");
      const Outcome again = run(*model, recompute, threads);
      ASSERT_EQ(again.results.size(), kept.results.size());
      for (size_t i = 0; i < 2; ++i) EXPECT_TRUE(same_bits(again.results[i], kept.results[i])) << "losses";
      for (size_t i = 0; i < parameters.size(); ++i)
        EXPECT_TRUE(same_bits(again.results[i + 2], kept.results[i + 2])) << parameters[i]->name;
    }
}

TEST_P(RecomputeBits, LessIsKeptTheMoreIsComputedAgain) {
  const model::ModelConfig config = models()[static_cast<size_t>(std::get<0>(GetParam()))].config;
  const std::unique_ptr<model::Transformer> model = random_model(config, std::get<1>(GetParam()), true);
  const int64_t none = run(*model, Recompute::kNone, 2).kept_bytes,
                attention = run(*model, Recompute::kAttention, 2).kept_bytes,
                block = run(*model, Recompute::kBlock, 2).kept_bytes;
  EXPECT_LT(attention, none * 8 / 10);
  EXPECT_LT(block, attention * 7 / 10);
}

// The gradients that the comparison rests on are alive, and dropout changes them: it would see another mask.
TEST(Recompute, GradientsDependOnTheDropoutMask) {
  const std::vector<SmallModel> all = models();
  const auto gradient = [](const model::ModelConfig& config) {
    const std::unique_ptr<model::Transformer> model = random_model(config, DType::kFloat32, true);
    return run(*model, Recompute::kBlock, 2).results[3];
  };
  EXPECT_FALSE(same_bits(gradient(all[5].config), gradient(all[6].config)));
}

TEST(Recompute, NamesAreThoseOfTheFlag) {
  EXPECT_EQ(model::recompute_names(), (std::vector<std::string>{"none", "attention", "block"}));
  for (const std::string& name : model::recompute_names())
    EXPECT_EQ(model::recompute_name(model::recompute_of(name)), name);
  EXPECT_THROW(model::recompute_of("everything"), std::invalid_argument);
}

INSTANTIATE_TEST_SUITE_P(All, RecomputeBits,
                         ::testing::Combine(::testing::Range(0, 9),
                                            ::testing::Values(DType::kFloat32, DType::kBFloat16)),
                         [](const auto& info) {
                           return models()[static_cast<size_t>(std::get<0>(info.param))].name +
                                  (std::get<1>(info.param) == DType::kFloat32 ? "_fp32" : "_bf16");
                         });

}  // namespace
}  // namespace lathe::testing
