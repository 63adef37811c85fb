#include "eval/pass_at_k.h"

#include <algorithm>

#include "core/check.h"
#include "core/clock.h"
#include "core/text.h"

namespace lathe::eval {
namespace {

// Problems solved by one of the first k samples, for every k.
std::vector<double> solved_within(std::span<const std::vector<bool>> outcomes, size_t samples) {
  std::vector<double> solved(samples, 0);
  for (const std::vector<bool>& problem : outcomes) {
    require(problem.size() == samples, "[pass_at_k] problems with ", samples, " and with ", problem.size(), " samples");
    for (size_t k = static_cast<size_t>(std::find(problem.begin(), problem.end(), true) - problem.begin()); k < samples; ++k) solved[k] += 1;
  }
  return solved;
}

}  // namespace

std::vector<double> pass_at_k(std::span<const std::vector<bool>> outcomes) {
  if (outcomes.empty()) return {};
  std::vector<double> out = solved_within(outcomes, outcomes[0].size());
  for (double& share : out) share /= static_cast<double>(outcomes.size());
  return out;
}

double unbiased_pass_at_k(int64_t n, int64_t c, int64_t k) {
  require(n >= 1 && c >= 0 && c <= n && k >= 1 && k <= n, "[pass_at_k] ", c, " of ", n, " samples at k = ", k);
  double all_wrong = 1;  // C(n - c, k) / C(n, k), 0 once fewer than k are wrong
  for (int64_t i = n - c + 1; i <= n; ++i) all_wrong *= 1 - static_cast<double>(k) / static_cast<double>(i);
  return n - c < k ? 1 : 1 - all_wrong;
}

std::string PassScore::line() const {
  std::string out;
  for (size_t k = 0; k < pass.size(); ++k) out += format_text("%sPass@%zu: %.4f", k > 0 ? ", " : "", k + 1, pass[k]);
  return out;
}

Result<PassScore> measure_pass(infer::Engine& engine, const tasks::ProblemSet& problems, const PassOptions& options,
                               dist::Communicator& world, const infer::IsCancelled& is_cancelled) {
  const double start = Clock::real().seconds();
  const int64_t count = options.max_problems < 0 ? problems.size() : std::min(options.max_problems, problems.size());
  std::vector<infer::RolloutRequest> requests;
  for (int64_t i = world.rank(); i < count; i += world.size()) requests.push_back({i, 0});
  infer::RolloutOptions rollout;
  rollout.num_samples = options.samples;
  rollout.max_new_tokens = options.max_new_tokens;
  rollout.sampling.temperature = options.temperature;
  rollout.sampling.top_k = options.top_k;
  rollout.sampling.seed = options.seed;
  rollout.rows = options.rows;
  LATHE_TRY(const std::vector<infer::Rollout> rollouts, infer::roll_out(engine, problems, requests, rollout, is_cancelled));

  const auto samples = static_cast<size_t>(options.samples);
  std::vector<std::vector<bool>> outcomes(rollouts.size() / samples, std::vector<bool>(samples));
  double right = 0, length = 0;
  for (size_t i = 0; i < rollouts.size(); ++i) {
    outcomes[i / samples][i % samples] = rollouts[i].reward > 0;
    right += rollouts[i].reward > 0;
    length += static_cast<double>(rollouts[i].length());
  }
  std::vector<double> sums = solved_within(outcomes, samples);
  sums.insert(sums.end(), {right, length, static_cast<double>(outcomes.size())});
  LATHE_TRY_STATUS(world.all_reduce(sums.data(), static_cast<int64_t>(sums.size()), dist::ElementType::kFloat64, dist::Reduction::kSum));

  PassScore score;
  score.problems = static_cast<int64_t>(sums[samples + 2]);
  const double n = std::max(sums[samples + 2], 1.0);
  for (size_t k = 0; k < samples; ++k) score.pass.push_back(sums[k] / n);
  score.right = sums[samples] / (n * static_cast<double>(samples));
  score.sequence_length = sums[samples + 1] / (n * static_cast<double>(samples));
  score.seconds = Clock::real().seconds() - start;
  return score;
}

}  // namespace lathe::eval
