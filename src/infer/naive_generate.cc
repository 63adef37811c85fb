#include "infer/naive_generate.h"

#include <algorithm>

#include "core/clock.h"

namespace lathe::infer {

Result<std::vector<int32_t>> naive_generate(LanguageModel& model, std::span<const int32_t> prompt, int64_t max_tokens,
                                            SamplingOptions sampling, const std::function<bool(int32_t)>& on_token) {
  LATHE_TRY_STATUS(sampling.validate());
  if (prompt.empty()) return error("the prompt holds no token");
  sampling.top_k_keeps_ties = true;
  Sampler sampler(sampling, model.vocab_size());
  std::vector<int32_t> ids(prompt.begin(), prompt.end());
  for (const int32_t id : ids) sampler.observe(0, id, TokenOrigin::kPrompt);
  for (int64_t step = 0; step < max_tokens; ++step) {
    const int64_t length = static_cast<int64_t>(ids.size());
    if (length > model.context_limit())
      return error("the text has ", length, " tokens, more than the ", model.context_limit(),
                   " positions of the model; shorten it");
    const Tensor logits = model.forward_uncached(ids);
    const int32_t token = sampler.draw(logits.span<float>(), 0, step);
    if (token < 0)
      return error("the model gave logits that are not finite after ", length, " tokens; its weights are damaged");
    sampler.observe(0, token);
    ids.push_back(token);
    if (on_token && !on_token(token)) break;
  }
  return std::vector<int32_t>(ids.begin() + static_cast<std::ptrdiff_t>(prompt.size()), ids.end());
}

std::string SelfTest::to_string() const {
  const auto speed = [](const std::vector<int32_t>& tokens, double seconds) {
    return format_text("%zu tokens in %.3f s (%.1f tok/s)", tokens.size(), seconds,
                       seconds > 0 ? static_cast<double>(tokens.size()) / seconds : 0.0);
  };
  std::string text =
      "without cache: " + speed(naive, naive_seconds) + "\nwith cache:    " + speed(engine, engine_seconds) + "\n";
  if (ok()) return text + "equal token by token\n";
  const size_t at = static_cast<size_t>(first_mismatch);
  const auto token = [&](const std::vector<int32_t>& tokens) {
    return at < tokens.size() ? std::to_string(tokens[at]) : "the end";
  };
  return text + "MISMATCH at token " + std::to_string(at) + ": " + token(naive) + " without, " + token(engine) +
         " with cache\n";
}

Result<SelfTest> run_self_test(Engine& engine, std::span<const int32_t> prompt, int64_t max_tokens) {
  SelfTest test;
  GenerateOptions options;
  options.max_tokens = max_tokens;
  options.sampling.temperature = 0;
  double start = Clock::real().seconds();
  const auto keep = [&](const Column& column) {
    if (!column.mask[0]) return false;
    test.engine.push_back(column.tokens[0]);
    return true;
  };
  LATHE_TRY([[maybe_unused]] const StopReason reason, engine.generate(prompt, options, keep));
  test.engine_seconds = Clock::real().seconds() - start;

  start = Clock::real().seconds();
  LATHE_TRY(test.naive,
            naive_generate(engine.model(), prompt, static_cast<int64_t>(test.engine.size()), options.sampling));
  test.naive_seconds = Clock::real().seconds() - start;

  const auto [a, b] = std::mismatch(test.naive.begin(), test.naive.end(), test.engine.begin(), test.engine.end());
  if (a != test.naive.end() || b != test.engine.end()) test.first_mismatch = a - test.naive.begin();
  return test;
}

}  // namespace lathe::infer
