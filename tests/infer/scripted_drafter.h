// Drafters for tests: one that knows the model's favourites, one that lies in every way.
#pragma once

#include <algorithm>
#include <set>
#include <vector>

#include "core/rng.h"
#include "infer/drafter.h"
#include "tests/infer/mock_model.h"

namespace lathe::infer::testing {

// Guesses what the model would say at temperature 0; `lies`: the share of its answers that are something else.
class ScriptedDrafter : public Drafter {
 public:
  ScriptedDrafter(MockModel::Logits logits, double lies, uint64_t seed = 1) : logits_(std::move(logits)), lies_(lies), rng_(seed, "drafter") {}
  std::vector<int32_t> propose(int64_t id, std::span<const int32_t> tokens, int64_t most) override {
    known_.insert(id);
    std::vector<int32_t> text(tokens.begin(), tokens.end()), guesses;
    if (rng_.chance(lies_)) {
      guesses.resize(rng_.below(static_cast<uint64_t>(2 * most + 2)));
      for (int32_t& guess : guesses) guess = static_cast<int32_t>(rng_.below(400)) - 20;
      return guesses;
    }
    for (int64_t i = 0; i < most; ++i) {
      std::vector<float> logits(static_cast<size_t>(kMockVocab), 0);
      logits_(0, text, logits);
      guesses.push_back(static_cast<int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin()));
      text.push_back(guesses.back());
    }
    return guesses;
  }
  void forget(int64_t id) override { known_.erase(id); }
  bool knows_nobody() const { return known_.empty(); }

 private:
  MockModel::Logits logits_;
  double lies_;
  Rng rng_;
  std::set<int64_t> known_;
};

}  // namespace lathe::infer::testing
