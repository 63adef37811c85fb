// Losses over preference pairs, as functions of the summed log-probabilities of the two responses. With c and r the
// log-ratios log p - log p_ref of the chosen and the rejected response, d = c - r, e the label smoothing and n the
// response's tokens:
//   sigmoid       -(1 - e) log s(beta d) - e log s(-beta d)     DPO (Rafailov et al. 2023, arXiv:2305.18290), row
//   L-9.6; e > 0:
//                                                               conservative DPO (Mitchell 2023)
//   ipo           (d - 1 / (2 beta))^2                          IPO on sums (Azar et al. 2023, arXiv:2310.12036)
//   ipo_tokens    (c / n_c - r / n_r - 1 / (2 beta))^2          what TRL calls ipo
//   hinge         max(0, 1 - beta d)                            SLiC (Zhao et al. 2023, arXiv:2305.10425)
//   robust        ((e - 1) log s(beta d) + e log s(-beta d)) / (1 - 2 e)   unbiased under flips (arXiv:2403.00409)
//   sigmoid_norm  -log s(beta (c / n_c - r / n_r))              length-normalised DPO
//   simpo         -log s(beta (log p_c / n_c - log p_r / n_r) - gamma)     SimPO (arXiv:2405.14734); has no reference
//   sppo_hard     (c - 1 / (2 beta))^2 + (r + 1 / (2 beta))^2   SPPO (arXiv:2405.00675)
//   nca_pair      -log s(beta c) - (log s(-beta c) + log s(-beta r)) / 2   NCA (arXiv:2402.05369)
//   apo_zero      1 - s(beta c) + s(beta r);  apo_down: s(beta c) + 1 - s(beta d)    APO (arXiv:2408.06266)
// Reference free: the reference's log-probabilities count as 0. Pure; any number of threads.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/result.h"

namespace lathe::train {

enum class PreferenceLossType {
  kSigmoid,
  kIpo,
  kIpoTokens,
  kHinge,
  kRobust,
  kSigmoidNorm,
  kSimpo,
  kSppoHard,
  kNcaPair,
  kApoZero,
  kApoDown
};
std::vector<std::string> preference_loss_names();
Result<PreferenceLossType> find_preference_loss(std::string_view name);  // unknown: an error that lists the names

struct PreferenceLossOptions {
  PreferenceLossType type = PreferenceLossType::kSigmoid;
  double beta = 0.1;           // strength of staying near the reference
  double label_smoothing = 0;  // chance that a label is wrong; sigmoid below 1, robust below 0.5, 0 for the others
  double gamma = 0;            // simpo's target margin
  bool reference_free = false;
  bool needs_reference() const { return !reference_free && type != PreferenceLossType::kSimpo; }
  Status check() const;  // the error names the option
};

// One response: sums over its tokens, the stop token included (row L-9.7).
struct ResponseLogps {
  double policy = 0, reference = 0;
  int64_t tokens = 1;
};
struct PairLogps {
  ResponseLogps chosen, rejected;
};

struct PairLoss {
  double loss = 0;
  double d_chosen = 0, d_rejected = 0;            // derivatives of loss by the policy's sums
  double chosen_reward = 0, rejected_reward = 0;  // beta times the log-ratios (simpo: beta times log p / n)
  double margin() const { return chosen_reward - rejected_reward; }
};
PairLoss preference_loss(const PairLogps& pair, const PreferenceLossOptions& options);

// Sums over pairs, so that ranks and micro batches can be added.
struct PreferenceFigures {
  double pairs = 0, loss = 0, chosen_reward = 0, rejected_reward = 0, correct = 0;  // correct: margin > 0
  double chosen_logp = 0, rejected_logp = 0;                                        // of the policy
  double ranked = 0;                             // the chosen answer is the more likely one, reference aside
  double chosen_ratio = 0, absolute_margin = 0;  // log p - log p_ref of the chosen; |margin|
  double kl =
      0;  // log-ratios squared over 2, both responses (the k2 estimate of Schulman 2020, on the data's responses)

  void add(const PairLogps& pair, const PairLoss& loss, bool reference);
  PreferenceFigures& operator+=(const PreferenceFigures& other);
  std::vector<double> values() const;  // all of them, for a reduction over ranks, and back
  void set_values(const std::vector<double>& values);
  double mean(double sum) const { return pairs > 0 ? sum / pairs : 0; }
  double accuracy() const { return mean(correct); }
  // loss, rewards/chosen, rewards/rejected, margin, accuracy, ranking_accuracy, logps/chosen, logps/rejected, kl, each
  // behind `prefix`.
  std::vector<std::pair<std::string, double>> named(const std::string& prefix) const;
};

}  // namespace lathe::train
