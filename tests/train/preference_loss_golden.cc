// Golden set dpo_lora/dpo: losses, gradients and reward figures of preference pairs, as TRL computes them and as the
// papers do.
#include <gtest/gtest.h>

#include "tests/ref/testing.h"
#include "train/preference_loss.h"

namespace lathe::train {
namespace {

using lathe::testing::golden;
using lathe::testing::is_close;
using lathe::testing::read_json_or_fail;
using lathe::testing::read_jsonl;
using lathe::testing::take;

constexpr lathe::testing::Tolerance kTolerance{1e-6, 1e-5};

std::vector<double> numbers(const Json& list) {
  std::vector<double> out;
  for (const Json& x : list.as_array()) out.push_back(x.as_double());
  return out;
}

// The set's names: TRL's "ipo" is our ipo_tokens.
std::string our_name(const std::string& source, const std::string& name) {
  if (name == "sigmoid_label_smoothing_cdpo") return "sigmoid";
  if (name == "ipo_summed") return "ipo";
  return source == "trl" && name == "ipo" ? "ipo_tokens" : name;
}

// L-9.6
TEST(PreferenceLossGolden, LossGradientAndRewardsAreThoseOfTheReference) {
  LATHE_NEEDS(golden("dpo_lora/dpo"));
  const Json logps = read_json_or_fail(golden("dpo_lora/dpo/logps.json"));
  const std::vector<double> pc = numbers(logps.at("policy_chosen")), pr = numbers(logps.at("policy_rejected")),
                            rc = numbers(logps.at("ref_chosen")), rr = numbers(logps.at("ref_rejected")),
                            nc = numbers(logps.at("len_chosen")), nr = numbers(logps.at("len_rejected"));
  int cases = 0, gradients = 0;
  for (const Json& c : read_jsonl(golden("dpo_lora/dpo/loss_cases.jsonl"))) {
    const std::string source = c.at("source").as_string(), type = c.at("loss_type").as_string();
    SCOPED_TRACE(source + " " + type + " beta " + c.at("beta").dump() + " smoothing " + c.at("label_smoothing").dump());
    PreferenceLossOptions options;
    options.type = take(find_preference_loss(our_name(source, type)));
    options.beta = c.at("beta").as_double();
    options.gamma = c.get_double("gamma", 0);
    options.label_smoothing = c.at("label_smoothing").as_double();
    options.reference_free = c.at("reference_free").as_bool();
    lathe::testing::check(options.check());
    std::vector<double> losses, by_chosen, by_rejected;
    PreferenceFigures figures;
    const auto count = static_cast<double>(pc.size());
    for (size_t i = 0; i < pc.size(); ++i) {
      const PairLogps pair{{pc[i], rc[i], static_cast<int64_t>(nc[i])}, {pr[i], rr[i], static_cast<int64_t>(nr[i])}};
      const PairLoss loss = preference_loss(pair, options);
      losses.push_back(loss.loss);
      by_chosen.push_back(loss.d_chosen / count);
      by_rejected.push_back(loss.d_rejected / count);
      figures.add(pair, loss, options.needs_reference());
    }
    EXPECT_TRUE(is_close(losses, numbers(c.at("per_pair")), kTolerance));
    EXPECT_TRUE(is_close(std::vector<double>{figures.mean(figures.loss)}, std::vector<double>{c.at("loss").as_double()},
                         kTolerance));
    if (const Json* grad = c.find("grad_chosen")) {
      EXPECT_TRUE(is_close(by_chosen, numbers(*grad), kTolerance));
      EXPECT_TRUE(is_close(by_rejected, numbers(c.at("grad_rejected")), kTolerance));
      ++gradients;
    }
    if (const Json* metrics = c.find("metrics")) {
      const std::vector<double> ours = {figures.mean(figures.chosen_reward),
                                        figures.mean(figures.rejected_reward),
                                        figures.accuracy(),
                                        figures.mean(figures.chosen_reward - figures.rejected_reward),
                                        figures.mean(figures.chosen_logp),
                                        figures.mean(figures.rejected_logp)};
      const std::vector<double> theirs = {
          metrics->at("rewards/chosen").as_double(),     metrics->at("rewards/rejected").as_double(),
          metrics->at("rewards/accuracies").as_double(), metrics->at("rewards/margins").as_double(),
          metrics->at("logps/chosen").as_double(),       metrics->at("logps/rejected").as_double()};
      EXPECT_TRUE(is_close(ours, theirs, kTolerance));
    }
    ++cases;
  }
  EXPECT_GT(cases, 0);
  EXPECT_GT(gradients, 0);
}

}  // namespace
}  // namespace lathe::train
