#include "train/policy_gradient.h"

#include <algorithm>
#include <cmath>

#include "core/check.h"

namespace lathe::train {
namespace {

constexpr double kSmallestDeviation = 1e-4;

}  // namespace

std::vector<double> advantages(std::span<const double> rewards, AdvantageKind kind) {
  std::vector<double> out(rewards.begin(), rewards.end());
  double mean = 0, squares = 0;
  for (const double reward : rewards) mean += reward / static_cast<double>(rewards.size());
  for (double& x : out) {
    x -= mean;
    squares += x * x;
  }
  if (kind == AdvantageKind::kMean) return out;
  const double deviation = std::sqrt(squares / std::max<double>(static_cast<double>(out.size()) - 1, 1));
  for (double& x : out) x /= deviation + kSmallestDeviation;
  return out;
}

bool PolicyPass::has_signal() const {
  return std::any_of(advantage.begin(), advantage.end(), [](float a) { return a != 0; });
}

PolicyPass make_pass(std::span<const infer::Rollout> rollouts, std::span<const double> row_advantages, int32_t padding, bool train_stop) {
  require(!rollouts.empty() && rollouts.size() == row_advantages.size(), "[make_pass] ", rollouts.size(), " roll-outs, ",
          row_advantages.size(), " advantages");
  PolicyPass pass;
  pass.rows = static_cast<int64_t>(rollouts.size());
  const auto used = [&](const infer::Rollout& r) { return static_cast<int64_t>(r.tokens.size()) - (r.completed && !train_stop); };
  for (const infer::Rollout& rollout : rollouts) pass.columns = std::max(pass.columns, used(rollout) - 1);
  pass.columns = std::max<int64_t>(pass.columns, 1);
  const auto size = static_cast<size_t>(pass.rows * pass.columns);
  pass.inputs.assign(size, padding);
  pass.targets.assign(size, -1);
  pass.advantage.assign(size, 0);
  if (!rollouts[0].log_probs.empty()) pass.old_log_probs.assign(size, 0);
  for (int64_t row = 0; row < pass.rows; ++row) {
    const infer::Rollout& rollout = rollouts[static_cast<size_t>(row)];
    pass.mean_reward += rollout.reward / static_cast<double>(pass.rows);
    const auto begin = static_cast<size_t>(row * pass.columns);
    for (int64_t t = 0; t < std::min(used(rollout), pass.columns); ++t)
      pass.inputs[begin + static_cast<size_t>(t)] = rollout.tokens[static_cast<size_t>(t)];
    for (int64_t t = rollout.prompt_length; t < used(rollout); ++t) {
      if (!rollout.mask[static_cast<size_t>(t)]) continue;
      const size_t at = begin + static_cast<size_t>(t - 1);
      pass.targets[at] = rollout.tokens[static_cast<size_t>(t)];
      pass.advantage[at] = static_cast<float>(row_advantages[static_cast<size_t>(row)]);
      if (!pass.old_log_probs.empty()) pass.old_log_probs[at] = rollout.log_probs[static_cast<size_t>(t - rollout.prompt_length)];
      ++pass.valid;
    }
  }
  return pass;
}

void reinforce_factors(const PolicyPass& pass, std::span<float> factor) {
  for (size_t n = 0; n < factor.size(); ++n)
    factor[n] = pass.targets[n] < 0 ? 0.0f : static_cast<float>(static_cast<double>(pass.advantage[n]) / pass.divisor);
}

void policy_loss(const PolicyPass& pass, const PolicyLoss& loss, std::span<const float> log_probs, std::span<float> factor,
                 PolicyFigures& figures) {
  double sum = 0, kl_sum = 0;
  for (size_t n = 0; n < factor.size(); ++n) {
    factor[n] = 0;
    if (pass.targets[n] < 0) continue;
    const double a = static_cast<double>(pass.advantage[n]), logp = static_cast<double>(log_probs[n]);
    double slope = a;  // d objective / d logp
    if (loss.clip) {
      const double ratio = std::exp(logp - static_cast<double>(pass.old_log_probs[n]));
      const double limited = std::clamp(ratio, 1 - *loss.clip, 1 + *loss.clip);
      const bool clipped = limited * a < ratio * a;
      sum -= std::min(ratio * a, limited * a);
      slope = clipped ? 0 : ratio * a;
      figures.clipped += clipped;
    } else {
      sum -= logp * a;
    }
    if (loss.kl > 0) {
      const double d = static_cast<double>(pass.reference[n]) - logp;
      kl_sum += std::exp(d) - d - 1;
      slope -= loss.kl * (1 - std::exp(d));
    }
    factor[n] = static_cast<float>(slope / pass.divisor);
  }
  figures.loss += (sum + loss.kl * kl_sum) / pass.divisor;
  figures.kl += kl_sum;
}

}  // namespace lathe::train
