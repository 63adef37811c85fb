// The arithmetic of reinforcement learning on sampled answers, apart from models: rewards to advantages, log-probabilities to the
// loss and to its derivative by every token's log-probability.
//   REINFORCE (Williams 1992) as in rows C-9.7 and C-9.10: loss = -sum(logp A) / D, D = max(valid, 1) passes examples
//   clipped ratio (Schulman et al. 2017, arXiv:1707.06347): -sum min(r A, clip(r, 1 - eps, 1 + eps) A) / D, r = exp(logp - old)
//   GRPO's advantages (Shao et al. 2024, arXiv:2402.03300): (reward - mean) / (standard deviation + 1e-4)
//   KL to a reference, per token, the estimator k3 of Schulman (2020), never negative: + kl sum(exp(d) - d - 1) / D, d = ref - logp
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "infer/rollout.h"

namespace lathe::train {

enum class AdvantageKind {
  kMean,        // reward - mean over the samples of one example
  kNormalised,  // that, over their standard deviation (of n - 1)
};

// Of the samples of one example (row C-9.21).
std::vector<double> advantages(std::span<const double> rewards, AdvantageKind kind);

// Rows of one example that go through the model together: next-token inputs and targets, padded to the longest row.
struct PolicyPass {
  int64_t example = 0, index = 0;    // of the step; of the example
  int64_t rows = 0, columns = 0;
  std::vector<int32_t> inputs, targets;  // (rows * columns); target -1: prompt, forced by a tool, padding (row C-9.8)
  std::vector<float> advantage;          // of every target's row
  std::vector<float> old_log_probs;      // of the roll-out; empty without them
  std::vector<float> reference;          // log-probabilities of the reference; empty without a KL term
  int64_t valid = 0;                     // targets >= 0
  double mean_reward = 0;                // of these rows
  double divisor = 1;                    // D

  bool has_signal() const;  // an advantage that is not 0
};

// train_stop: the sampled terminal token is a target (row C-9.9).
PolicyPass make_pass(std::span<const infer::Rollout> rollouts, std::span<const double> row_advantages, int32_t padding, bool train_stop);

struct PolicyLoss {
  std::optional<double> clip;  // epsilon; none: REINFORCE
  double kl = 0;
};

struct PolicyFigures {
  double loss = 0;
  double kl = 0;       // sum over targets of the estimator
  int64_t clipped = 0;  // targets whose ratio no longer moves
};

// Adds to `figures`, and writes factor[n] = -d loss / d logp[n], what Transformer::loss wants; 0 where no target is.
// log_probs: of the targets by the model as it is now.
void policy_loss(const PolicyPass& pass, const PolicyLoss& loss, std::span<const float> log_probs, std::span<float> factor,
                 PolicyFigures& figures);
// REINFORCE without KL needs no log-probabilities for its factors.
void reinforce_factors(const PolicyPass& pass, std::span<float> factor);

}  // namespace lathe::train
