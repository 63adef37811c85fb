// AdamW's first steps on LLaMA and GPT-2 models against the reference: golden set gpt_llama.
#include "optim/optimizer.h"
#include "tests/ref/golden_hugging_face.h"

namespace lathe::testing {
namespace {

TEST(HuggingFaceRunGolden, AdamwFollowsTheReference) {
  for_each_hugging_face_run([](const HuggingFaceRun& run) {
    const Json& expected = run.expected.at("adamw");
    optim::AdamwRates rates;
    rates.lr = expected.at("lr").as_double();
    rates.beta1 = expected.at("betas").at(0).as_double();
    rates.beta2 = expected.at("betas").at(1).as_double();
    rates.eps = expected.at("eps").as_double();
    rates.weight_decay = expected.at("weight_decay").as_double();
    rates.decay_vectors = true;
    const std::vector<autograd::Parameter*> parameters = run.model->parameters();
    optim::Optimizer optimizer(optim::adamw_groups(parameters, rates));
    ops::Context ctx;
    const Json& losses = expected.at("losses");
    ASSERT_EQ(static_cast<int64_t>(losses.size()), run.batches() - 1);
    const double tolerance = run.tolerance.at("adamw_losses_abs").as_double();
    for (int64_t i = 1; i < run.batches(); ++i) {
      EXPECT_NEAR(run.forward_backward(ctx, i), losses.at(static_cast<size_t>(i - 1)).as_double(), tolerance)
          << "batch " << i;
      optimizer.step(ctx);
    }
    std::map<std::string, double> norms = run.norms(false);
    EXPECT_EQ(norms.size(), expected.at("final_param_norms").size());
    for (const auto& [name, norm] : expected.at("final_param_norms").as_object()) {
      // The loss does not depend on a key's bias without a rotation, and hardly with a slow one: rounding noise steers AdamW's steps on it.
      const double relative = name.ends_with("attn.c_attn.bias") || name.ends_with("k_proj.bias") ? 4 * run.final_norm_spread : tolerance;
      EXPECT_NEAR(norms[name], norm.as_double(), relative * norm.as_double()) << name;
    }
  });
}

}  // namespace
}  // namespace lathe::testing
