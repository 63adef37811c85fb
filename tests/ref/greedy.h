// Greedy text of a transformer, with a cache and from scratch.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "model/kv_cache.h"
#include "model/transformer.h"
#include "tests/ref/testing.h"

namespace lathe::testing {

struct Greedy {
  std::vector<int32_t> tokens;
  std::vector<double> log_probabilities;
};

inline Greedy greedy(model::Transformer& model, const std::vector<int32_t>& prompt, int64_t count, bool cached) {
  Greedy out;
  model::KvCache cache(model.config(), 1, static_cast<int64_t>(prompt.size()) + count, model.dtype());
  std::vector<int32_t> ids = prompt;
  ops::Context ctx;
  for (int64_t i = 0; i < count; ++i) {
    autograd::Tape tape(ctx, false);
    model::Batch batch;
    batch.ids = Tensor::of<int32_t>(ids, {static_cast<int64_t>(ids.size())});
    batch.cache = cached ? &cache : nullptr;
    const Tensor hidden = model.forward(tape, batch).value;
    const Tensor logits = model.logits(ctx, hidden.rows(hidden.dim(0) - 1, hidden.dim(0)));
    const std::span<const float> z = logits.span<float>();
    const auto best = static_cast<int32_t>(std::max_element(z.begin(), z.end()) - z.begin());
    double sum = 0;
    for (const float x : z) sum += std::exp(double{x} - double{z[static_cast<size_t>(best)]});
    out.tokens.push_back(best);
    out.log_probabilities.push_back(-std::log(sum));
    if (cached) ids.clear();
    ids.push_back(best);
  }
  return out;
}

inline std::vector<int32_t> tokens_of(const Json& list) {
  std::vector<int32_t> out;
  for (const Json& token : list.as_array()) out.push_back(static_cast<int32_t>(token.as_int()));
  return out;
}

// Both ways give the expected tokens with log-probabilities within `tolerance`.
inline void expect_greedy(model::Transformer& model, const Json& prompt, const Json& tokens,
                          const Json& log_probabilities, double tolerance) {
  const std::vector<int32_t> expected = tokens_of(tokens);
  std::vector<double> expected_logs;
  for (const Json& value : log_probabilities.as_array()) expected_logs.push_back(value.as_double());
  for (const bool cached : {true, false}) {
    SCOPED_TRACE(cached ? "with a cache" : "without a cache");
    const Greedy actual = greedy(model, tokens_of(prompt), static_cast<int64_t>(expected.size()), cached);
    EXPECT_EQ(actual.tokens, expected);
    EXPECT_TRUE(is_close(std::span<const double>(actual.log_probabilities), expected_logs, {tolerance, 0}));
  }
}

}  // namespace lathe::testing
