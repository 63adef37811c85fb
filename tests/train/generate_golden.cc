// Greedy continuations of trained weights, past the trained length: golden sets train_seed and train_head.
#include "core/parallel.h"
#include "tests/ref/golden_model.h"
#include "tests/ref/greedy.h"

namespace lathe::testing {
namespace {

using model::ChatState;

struct Set {
  const char* name;
  ChatState state;
  const char* weights;
};
constexpr Set kSets[] = {{"train_seed", ChatState::kSeed, "final_fp32muon.safetensors"},
                         {"train_head", ChatState::kNewest, "final.safetensors"}};

// C-3.18, C-3.32, C-3.40
TEST(GenerateGolden, GreedyTextWithAndWithoutCache) {
  int checked = 0, past_the_trained_length = 0;
  for (const Set& set : kSets)
    for (const auto& folder : variants(set.name)) {
      if (!std::filesystem::exists(folder / "generate.json") || !std::filesystem::exists(folder / set.weights))
        continue;
      SCOPED_TRACE(folder.string());
      const Json all = read_json_or_fail(golden(set.name) / "tolerance.json");
      const Json& entry = all.at("variants").at(folder.filename().string());
      const Json& suggested = entry.contains("fp32muon") ? entry.at("fp32muon").at("suggested") : entry.at("suggested");
      GoldenRun run = GoldenRun::load(folder, set.state);
      copy_weights(take(read_safetensors(folder / set.weights)), *run.model);
      const Json cases = read_json_or_fail(folder / "generate.json");
      for (const int threads : {1, 2}) {
        set_num_threads(threads);
        for (const Json& text : cases.as_array()) {
          SCOPED_TRACE("prompt of " + std::to_string(text.at("prompt").size()));
          EXPECT_EQ(tokens_of(text.at("naive_tokens")), tokens_of(text.at("engine_tokens")));
          expect_greedy(*run.model, text.at("prompt"), text.at("engine_tokens"), text.at("logprobs"),
                        suggested.at("logits_after_maxabs").as_double());
          past_the_trained_length += static_cast<int64_t>(text.at("prompt").size() + text.at("engine_tokens").size()) >
                                     run.model->config().sequence_len;
        }
      }
      ++checked;
    }
  if (checked == 0) GTEST_SKIP() << "no golden sets train_seed, train_head with generate.json";
  EXPECT_GT(past_the_trained_length, 0);
}

}  // namespace
}  // namespace lathe::testing
