// Small models, adapters and made-up preference pairs.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/clock.h"
#include "dist/communicator.h"
#include "model/adapter.h"
#include "tests/ref/small_models.h"
#include "train/preference_objective.h"

namespace lathe::testing {

inline std::vector<int32_t> random_tokens(Rng& rng, int64_t n, int64_t vocab_size) {
  std::vector<int32_t> ids;
  for (int64_t i = 0; i < n; ++i) ids.push_back(static_cast<int32_t>(rng.below(static_cast<uint64_t>(vocab_size))));
  return ids;
}

// Pairs of all lengths up to 8 + 7 tokens.
inline train::PreferenceSet random_set(int64_t pairs, uint64_t seed, const std::string& name = "set",
                                       int64_t vocab_size = 27) {
  train::PreferenceSet set;
  set.name = name;
  Rng rng(seed, "pairs");
  for (int64_t i = 0; i < pairs; ++i) {
    const auto length = [&](uint64_t most) { return static_cast<int64_t>(1 + rng.below(most)); };
    set.pairs.push_back({random_tokens(rng, length(8), vocab_size), random_tokens(rng, length(7), vocab_size),
                         random_tokens(rng, length(7), vocab_size)});
  }
  set.sha256 = name + std::to_string(seed);
  return set;
}

inline data::MixedSampler sampler_of(const std::vector<train::PreferenceSet>& sets, std::vector<double> weights = {},
                                     uint64_t seed = 5) {
  std::vector<data::MixedSource> sources;
  for (const train::PreferenceSet& set : sets) sources.push_back({set.name, static_cast<int64_t>(set.pairs.size())});
  const std::vector<double> shares = take(data::mix_shares(sources, weights));
  return data::MixedSampler(sources, shares, seed);
}

inline std::unique_ptr<model::Adapter> small_adapter(model::Transformer& model, double dropout = 0) {
  model.freeze();
  model::AdapterConfig config;
  config.r = 4;
  config.alpha = 8;
  config.dropout = dropout;
  return take(model::Adapter::create(model, config, 3));
}

// What an objective works with outside the loop.
struct Scope {
  ops::Context ctx;
  autograd::Tape tape{ctx, true};
  FakeClock clock;
  train::TimeSplit split;
  std::unique_ptr<dist::Communicator> one = dist::single_process();
  dist::Communicator* world = one.get();
  train::StepOutcome step(train::Objective& objective, int64_t number) {
    train::StepScope scope{ctx, tape, clock, split, *world, number, 42};
    check(objective.prepare(scope));
    return take(objective.gradients(scope, 0));
  }
};

inline double figure(const train::StepOutcome& outcome, const std::string& name) {
  for (const auto& [key, value] : outcome.figures)
    if (key == name) return value;
  throw std::runtime_error("no figure " + name);
}

}  // namespace lathe::testing
