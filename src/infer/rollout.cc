#include "infer/rollout.h"

#include <algorithm>
#include <utility>

#include "core/check.h"

namespace lathe::infer {
namespace {

Rollout take_row(const Engine& engine, const tasks::ProblemSet& problems, int64_t problem, Generated& generated, size_t row) {
  Rollout out;
  out.prompt_length = static_cast<int64_t>(problems.prompt(problem).size());
  out.tokens = std::move(generated.tokens[row]);
  out.mask = std::move(generated.mask[row]);
  out.completed = generated.completed[row] != 0;
  out.reward = problems.reward(problem, engine.tokenizer().decode(std::span(out.tokens).subspan(static_cast<size_t>(out.prompt_length))));
  if (out.completed) {
    out.tokens.push_back(generated.terminal[row]);
    out.mask.push_back(1);
  }
  if (!generated.log_probs.empty()) out.log_probs = std::move(generated.log_probs[row]);
  return out;
}

}  // namespace

Result<std::vector<Rollout>> roll_out(Engine& engine, const tasks::ProblemSet& problems, std::span<const RolloutRequest> requests,
                                      const RolloutOptions& options, const IsCancelled& is_cancelled) {
  require(options.num_samples >= 1 && options.rows >= 1, "[roll_out] ", options.num_samples, " samples, ", options.rows, " rows");
  const auto together = static_cast<size_t>(std::max<int64_t>(options.rows / options.num_samples, 1));
  std::vector<Rollout> out;
  out.reserve(requests.size() * static_cast<size_t>(options.num_samples));
  for (size_t begin = 0; begin < requests.size(); begin += together) {
    const std::span<const RolloutRequest> part = requests.subspan(begin, std::min(together, requests.size() - begin));
    GenerateOptions generate;
    generate.num_samples = options.num_samples;
    generate.max_tokens = options.max_new_tokens;
    generate.sampling = options.sampling;
    generate.log_probs = options.log_probs;
    std::vector<std::vector<int32_t>> prompts;
    for (const RolloutRequest& request : part) {
      prompts.push_back(problems.prompt(request.problem));
      for (int64_t s = 0; s < options.num_samples; ++s) generate.row_numbers.push_back(request.number * options.num_samples + s);
    }
    LATHE_TRY(Generated generated, engine.generate_each(prompts, generate, is_cancelled));
    if (generated.reason == StopReason::kCancelled) break;
    for (size_t row = 0; row < generated.tokens.size(); ++row)
      out.push_back(take_row(engine, problems, part[row / static_cast<size_t>(options.num_samples)].problem, generated, row));
  }
  return out;
}

}  // namespace lathe::infer
