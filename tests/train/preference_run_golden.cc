// Golden set dpo_lora/dpo/end_to_end.json: four steps of DPO on an adapter, its reference the base.
#include <gtest/gtest.h>

#include <cmath>

#include "model/adapter_file.h"
#include "model/hugging_face.h"
#include "optim/optimizer.h"
#include "tests/train/preference_fixture.h"

namespace lathe::train {
namespace {

using lathe::testing::figure;
using lathe::testing::golden;
using lathe::testing::is_close;
using lathe::testing::read_json_or_fail;
using lathe::testing::take;

std::vector<int32_t> tokens(const Json& list) {
  std::vector<int32_t> ids;
  for (const Json& id : list.as_array()) ids.push_back(static_cast<int32_t>(id.as_int()));
  return ids;
}

// "gpt_llama/llama_gqa + dpo_lora/lora_qv"
std::pair<std::string, std::string> base_and_adapter(const std::string& policy) {
  const size_t plus = policy.find(" + ");
  return {policy.substr(0, plus), policy.substr(plus + 3)};
}

// The pairs of the set are all taken in each step, in an order that does not matter to the loss.
// L-9.6, L-9.7, L-9.8
TEST(PreferenceRunGolden, FourStepsAreThoseOfTheReference) {
  LATHE_NEEDS(golden("dpo_lora/dpo/end_to_end.json"));
  const Json expected = read_json_or_fail(golden("dpo_lora/dpo/end_to_end.json"));
  const auto [base, adapter_name] = base_and_adapter(expected.at("policy").as_string());
  LATHE_NEEDS(golden(base));
  const Json tolerance = read_json_or_fail(golden("dpo_lora/tolerance.json"))
                             .at(fs::path(adapter_name).filename().string())
                             .at("suggested");
  const auto model = take(model::load_hugging_face(golden(base), DType::kFloat32));
  model->freeze();
  const auto adapter = take(model::load_adapter(*model, golden(adapter_name), true));

  PreferenceSet set;
  set.name = "golden";
  for (const Json& pair : expected.at("pairs").as_array())
    set.pairs.push_back({tokens(pair.at("prompt")), tokens(pair.at("chosen")), tokens(pair.at("rejected"))});
  const auto count = std::ssize(set.pairs);

  lathe::testing::Scope scope;
  adapter->set_enabled(false);
  std::vector<double> reference(static_cast<size_t>(2 * count)), wanted;
  const std::vector<AnswerSums> sums = score_pairs(*model, scope.ctx, set.pairs, 8);
  adapter->set_enabled(true);
  for (size_t i = 0; i < sums.size(); ++i)
    reference[i] = double{sums[i].chosen}, reference[i + sums.size()] = double{sums[i].rejected};
  for (const Json& x : expected.at("reference_logps").as_array()) wanted.push_back(x.as_double());
  EXPECT_TRUE(is_close(reference, wanted, {5e-5, 1e-6}));

  std::vector<PreferenceSet> sets = {set};
  PreferenceOptions options;
  options.loss.type = take(find_preference_loss(expected.at("loss_type").as_string()));
  options.loss.beta = expected.at("beta").as_double();
  options.pairs = count;
  options.accumulation = 1;
  const Json& adamw = expected.at("adamw");
  optim::AdamwRates rates;
  rates.lr = adamw.at("lr").as_double();
  rates.beta1 = adamw.at("betas").at(0).as_double();
  rates.beta2 = adamw.at("betas").at(1).as_double();
  rates.eps = adamw.at("eps").as_double();
  rates.weight_decay = adamw.at("weight_decay").as_double();
  PreferenceObjective objective(*model, sets, lathe::testing::sampler_of(sets), {adapter.get(), {}},
                                adapter->parameters(), options);
  optim::Optimizer optimizer(optim::adamw_groups(adapter->parameters(), rates));
  const double loss_tolerance = tolerance.at("adamw_losses_abs").as_double();
  int norms = 0;
  const auto& steps = expected.at("steps").as_array();
  for (size_t step = 0; step < steps.size(); ++step) {
    SCOPED_TRACE(step);
    const StepOutcome outcome = scope.step(objective, static_cast<int64_t>(step));
    EXPECT_NEAR(outcome.loss, steps[step].at("loss").as_double(), loss_tolerance);
    const Json& metrics = steps[step].at("metrics");
    const std::pair<const char*, const char*> names[] = {
        {"dpo/rewards/chosen", "rewards/chosen"}, {"dpo/rewards/rejected", "rewards/rejected"},
        {"dpo/accuracy", "rewards/accuracies"},   {"dpo/margin", "rewards/margins"},
        {"dpo/logps/chosen", "logps/chosen"},     {"dpo/logps/rejected", "logps/rejected"}};
    for (const auto& [ours, theirs] : names)
      EXPECT_NEAR(figure(outcome, ours), metrics.at(theirs).as_double(), 2e-4) << ours;
    if (const Json* grad_norms = steps[step].find("grad_norms")) {
      for (const auto& [name, norm] : grad_norms->as_object()) {
        // PEFT's names of a LLaMA's layers; ours stand in the same order.
        const size_t index = static_cast<size_t>(norms++);
        ASSERT_LT(index, adapter->parameters().size());
        const autograd::Parameter& p = *adapter->parameters()[index];
        EXPECT_TRUE(p.name.ends_with(name.ends_with("lora_A.weight") ? "lora_A.weight" : "lora_B.weight"))
            << p.name << " " << name;
        double sum = 0;
        for (const float x : p.grad.span<float>()) sum += static_cast<double>(x) * static_cast<double>(x);
        EXPECT_NEAR(std::sqrt(sum), norm.as_double(), 1e-4 * norm.as_double()) << name;
      }
    }
    optimizer.set_lr_multiplier(1);
    optimizer.step(scope.ctx);
  }
  EXPECT_GT(norms, 0);
}

}  // namespace
}  // namespace lathe::train
