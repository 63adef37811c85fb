// Reinforcement learning: each step samples answers to the next problems with the model as it is, judges them, and makes the better
// ones of each problem more likely (rows C-9.3 to C-9.11, C-9.21). Answers are drawn by the inference engine and are, token for
// token, of the probability that training then sees (decision 17, trap G1); the largest difference is a figure of every step.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "infer/engine.h"
#include "infer/rollout.h"
#include "infer/transformer_model.h"
#include "model/transformer.h"
#include "tasks/problem_set.h"
#include "train/objective.h"
#include "train/policy_gradient.h"

namespace lathe::train {

struct PolicyOptions {
  int64_t examples_per_step = 16;  // problems of a step, over all ranks
  int64_t num_samples = 16;        // answers to each
  int64_t device_batch_size = 8;   // rows of a pass; divides num_samples (row C-9.17)
  int64_t max_new_tokens = 256;
  double temperature = 1;
  int64_t top_k = 0;               // 0: the whole vocabulary, as trained (row C-9.12)
  int64_t rollout_rows = 256;      // rows generated together at most
  bool train_stop = true;          // row C-9.9
  AdvantageKind advantage = AdvantageKind::kMean;
  int64_t inner_epochs = 1;        // updates made of one step's roll-outs
  double clip = 0;                 // epsilon of the clipped ratio; 0: REINFORCE
  double kl = 0;                   // weight of the KL to the reference; needs one
  double length_penalty = 0;       // reward given up by an answer of max_new_tokens tokens, in proportion by shorter ones

  Status validate(int64_t world_size) const;
};

// The model that the KL term holds on to: either a frozen copy, or the trained model itself with its adapters switched off.
struct ReferencePolicy {
  model::Transformer* model = nullptr;             // null: no reference
  std::function<void(bool on)> switch_adapters;    // empty: `model` is a copy
};

class PolicyObjective : public Objective {
 public:
  // References outlive this; the tokenizer is the model's. print: a line for every pass (row C-9.15); may be empty. options must
  // be valid.
  PolicyObjective(model::Transformer& model, const tokenizer::Tokenizer& tokenizer, const tasks::ProblemSet& problems,
                  const PolicyOptions& options, ReferencePolicy reference = {}, std::function<void(const std::string&)> print = {});

  Status prepare(StepScope& scope) override;
  int64_t updates() const override { return options_.inner_epochs; }
  Result<StepOutcome> gradients(StepScope& scope, int64_t update) override;
  int64_t activation_bytes() const override;
  int64_t step_tokens() const override;
  Json state() const override;
  Status restore(const Json& state) override;

  // The answers of this rank for the step, num_samples of each example in turn; prepare() hands over those it sampled.
  void use(const std::vector<infer::Rollout>& rollouts, double seconds = 0);
  const std::vector<PolicyPass>& passes() const { return passes_; }
  // Of the step's first problem: an answer of the highest reward, and one of the lowest where that is another.
  const std::vector<infer::Rollout>& shown() const { return shown_; }

 private:
  Result<std::vector<infer::Rollout>> sample(const StepScope& scope);
  void make_passes(const std::vector<infer::Rollout>& rollouts, int64_t examples);
  void score_reference(StepScope& scope, PolicyPass& pass);
  Status run_pass(StepScope& scope, int64_t update, PolicyPass& pass, StepOutcome& outcome);
  void print_pass(const StepScope& scope, const PolicyPass& pass, double loss) const;
  Status add_figures(StepScope& scope, StepOutcome& outcome) const;

  int64_t steps_drawn_ = 0;  // steps whose problems were answered, by all ranks alike
  model::Transformer& model_;
  const tasks::ProblemSet& problems_;
  PolicyOptions options_;
  ReferencePolicy reference_;
  std::function<void(const std::string&)> print_;
  infer::TransformerModel inference_;
  infer::Engine engine_;
  int32_t padding_;
  int64_t longest_prompt_ = 0;
  std::vector<PolicyPass> passes_;  // of the step under way
  std::vector<infer::Rollout> shown_;
  // Sums over this rank's roll-outs of the step under way.
  struct {
    double reward = 0, length = 0, completed = 0, rows = 0, sampled_tokens = 0, seconds = 0, flat_examples = 0, examples = 0;
  } tally_;
  PolicyFigures figures_;           // of the update under way
  double log_prob_difference_ = 0;  // the largest of the step
  std::vector<float> factor_, log_probs_;
};

}  // namespace lathe::train
