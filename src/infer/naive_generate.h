// The slow reference generation without a cache (row C-3.32), and the self-test that holds the engine against it
// (row C-10.21).
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "infer/engine.h"

namespace lathe::infer {

// Up to max_tokens tokens for one row, each handed over as soon as it is known (false ends generation). Its top-k keeps
// ties. No tool, no stop token. Errors as those of Engine::generate.
Result<std::vector<int32_t>> naive_generate(LanguageModel& model, std::span<const int32_t> prompt, int64_t max_tokens,
                                            SamplingOptions sampling,
                                            const std::function<bool(int32_t)>& on_token = {});

struct SelfTest {
  std::vector<int32_t> naive, engine;  // greedy continuations, terminal token included
  double naive_seconds = 0, engine_seconds = 0;
  int64_t first_mismatch = -1;  // position in the continuation; -1 = equal
  bool ok() const { return first_mismatch < 0; }
  std::string to_string() const;  // both speeds and the first mismatch, for people
};

// Both generate greedily until the engine's answer ends. A forced (calculator) token ends the comparison, since the
// naive loop has no tool.
Result<SelfTest> run_self_test(Engine& engine, std::span<const int32_t> prompt, int64_t max_tokens = 64);

}  // namespace lathe::infer
