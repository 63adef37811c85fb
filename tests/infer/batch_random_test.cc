// Whatever else happens in the engine, a request gets what it would get alone.
#include <gtest/gtest.h>

#include "tests/infer/random_requests.h"
#include "tests/infer/scripted_drafter.h"

namespace lathe::infer {
namespace {

using namespace testing;

struct Pair {
  Request request;
  std::shared_ptr<Recorder> heard;
};

// L-12.10: 5,000 requests of every kind in engines of every size, some of them given up on the way, beside the same requests alone in an
// engine without cache, pieces and guesses.
TEST(BatchEngineRandom, EveryRequestGetsWhatItWouldGetAlone) {
  MockModel model(scattered());
  model.limit = 400;
  BatchEngineOptions plain;
  plain.pages = 100;
  plain.token_budget = 10000;
  plain.prefix_cache = false;
  BatchEngine reference(model, mock_tokenizer(), plain);
  EngineFigures sum;
  int64_t compared = 0, given_up = 0, forced = 0;
  for (uint64_t round = 0; compared < 5000; ++round) {
    RandomRequests random(round, 300, 60);
    BatchEngineOptions options;
    options.pages = static_cast<int64_t>(8 + random.below(40));
    options.max_rows = static_cast<int64_t>(1 + random.below(16));
    options.token_budget = static_cast<int64_t>(1 + random.below(random.chance(0.5) ? 20 : 300));
    options.prompt_budget = static_cast<int64_t>(1 + random.below(100));
    options.max_waiting = options.max_waiting_per_client = 1000;
    options.prefix_cache = random.chance(0.8);
    options.draft_tokens = random.chance(0.5) ? static_cast<int64_t>(1 + random.below(6)) : 0;
    auto own = std::make_unique<ScriptedDrafter>(scattered(), 0.3, round);
    const ScriptedDrafter& drafter = *own;
    BatchEngine engine(model, mock_tokenizer(), options, std::move(own));
    std::vector<Pair> pairs;
    for (int64_t left = 100; left > 0 || engine.step();) {
      if (left == 0) continue;
      --left;
      Pair pair{random.next(), std::make_shared<Recorder>()};
      if (!engine.check(pair.request).ok()) continue;
      if (random.chance(0.1)) pair.heard->gone_after = static_cast<int64_t>(1 + random.below(10));
      if (random.chance(0.01)) pair.heard->gone = true;
      ASSERT_EQ(engine.submit(pair.request, pair.heard), Admission::kAccepted);
      pairs.push_back(pair);
      for (size_t steps = random.below(6); steps > 0; --steps) engine.step();
    }
    for (const Pair& pair : pairs) {
      expect_same(*pair.heard, *run_alone(reference, pair.request), pair.request);
      ++compared;
      given_up += pair.heard->gone;
      for (const auto& [index, answer] : pair.heard->answers)
        forced += std::count(answer.sampled.begin(), answer.sampled.end(), uint8_t{0});
      ASSERT_FALSE(HasFailure()) << "round " << round;
    }
    const EngineFigures figures = engine.figures();
    EXPECT_EQ(figures.running + figures.waiting + figures.pages_used, 0);
    EXPECT_EQ(figures.failed, 0);
    EXPECT_EQ(figures.finished + figures.cancelled, static_cast<int64_t>(pairs.size()));
    EXPECT_TRUE(drafter.knows_nobody());
    sum.preemptions += figures.preemptions;
    sum.cached_tokens += figures.cached_tokens;
    sum.accepted_tokens += figures.accepted_tokens;
    sum.cancelled += figures.cancelled;
  }
  // All of it has happened.
  EXPECT_GT(sum.preemptions, 100);
  EXPECT_GT(sum.cached_tokens, 10000);
  EXPECT_GT(sum.accepted_tokens, 1000);
  EXPECT_GT(sum.cancelled, 100);
  EXPECT_GE(given_up, sum.cancelled);
  EXPECT_GT(forced, 1000);
}

}  // namespace
}  // namespace lathe::infer
