// Judged answers to problems.
#include "infer/rollout.h"

#include "tests/infer/mock_model.h"

namespace lathe::infer {
namespace {

using namespace testing;
using lathe::testing::take;

// Problem i is BOS and i letters; right is an answer that is exactly "ab". Keeps what it was asked about.
class Exactly : public tasks::ProblemSet {
 public:
  int64_t size() const override { return static_cast<int64_t>(prompts_.size()); }
  const std::vector<int32_t>& prompt(int64_t i) const override { return prompts_[static_cast<size_t>(i)]; }
  double reward(int64_t, std::string_view answer) const override {
    answers.emplace_back(answer);
    return answer == "ab" ? 1 : 0;
  }
  std::string fingerprint() const override { return ""; }
  mutable std::vector<std::string> answers;

 private:
  std::vector<std::vector<int32_t>> prompts_ = {{kBos, 'x'}, {kBos, 'x', 'a', 'b'}, {kBos, 'x', 'y'}};
};

// C-9.6: the answer alone is judged, without prompt and terminal token; the terminal one is kept, sampled (C-9.9).
TEST(RollOut, JudgesTheAnswerAlone) {
  MockModel model(scripted({'a', 'b'}, 2));
  Engine engine(model, mock_tokenizer());
  const Exactly problems;
  RolloutOptions options;
  options.num_samples = 2;
  options.log_probs = true;
  const std::vector<RolloutRequest> requests = {{0, 0}};
  const std::vector<Rollout> out = take(roll_out(engine, problems, requests, options));
  ASSERT_EQ(out.size(), 2u);
  EXPECT_EQ(problems.answers, (std::vector<std::string>{"ab", "ab"}));
  for (const Rollout& r : out) {
    EXPECT_EQ(r.reward, 1);
    EXPECT_EQ(r.tokens, (std::vector<int32_t>{kBos, 'x', 'a', 'b', kAssistantEnd}));
    EXPECT_EQ(r.mask, (std::vector<uint8_t>{0, 0, 1, 1, 1}));
    EXPECT_EQ(r.log_probs.size(), 3u);
    EXPECT_EQ(r.prompt_length, 2);
    EXPECT_EQ(r.answer_length(), 2);
    EXPECT_EQ(r.length(), 4);
  }
}

// C-9.6, C-9.8: markers and the tool's result are part of the text that is judged; the forced tokens are masked.
TEST(RollOut, ToolCallsAreInTheTextAndForcedTokensMasked) {
  MockModel model(scripted({kPythonStart, '2', '+', '3', kPythonEnd, kAssistantEnd, kAssistantEnd, kAssistantEnd}, 2));
  Engine engine(model, mock_tokenizer());
  const Exactly problems;
  RolloutOptions options;
  options.num_samples = 1;
  const std::vector<RolloutRequest> requests = {{0, 0}};
  const std::vector<Rollout> out = take(roll_out(engine, problems, requests, options));
  EXPECT_EQ(problems.answers[0], "<|python_start|>2+3<|python_end|><|output_start|>5<|output_end|>");
  EXPECT_EQ(out[0].mask, (std::vector<uint8_t>{0, 0, 1, 1, 1, 1, 1, 0, 0, 0, 1}));
}

// C-9.4: any seed mixing is fine; here an answer depends on seed and number alone, so neither the rows of a call nor the
// company matter.
TEST(RollOut, AnswersDoNotDependOnTheirCompany) {
  MockModel model;
  Engine engine(model, mock_tokenizer());
  const Exactly problems;
  RolloutOptions options;
  options.num_samples = 3;
  options.max_new_tokens = 5;
  const std::vector<RolloutRequest> requests = {{0, 7}, {1, 8}, {2, 9}, {0, 10}};
  const std::vector<Rollout> together = take(roll_out(engine, problems, requests, options));
  options.rows = 1;  // one problem at a time
  const std::vector<Rollout> apart = take(roll_out(engine, problems, requests, options));
  ASSERT_EQ(together.size(), 12u);
  for (size_t i = 0; i < together.size(); ++i) EXPECT_EQ(together[i].tokens, apart[i].tokens) << i;
  const std::vector<Rollout> last = take(roll_out(engine, problems, std::span(requests).subspan(3), options));
  EXPECT_EQ(last[1].tokens, together[10].tokens);
  EXPECT_NE(together[0].tokens, together[9].tokens) << "the same problem at another number";
  EXPECT_NE(together[0].tokens, together[1].tokens);
}

TEST(RollOut, StopsWhenCancelled) {
  MockModel model;
  Engine engine(model, mock_tokenizer());
  const Exactly problems;
  RolloutOptions options;
  const std::vector<RolloutRequest> requests = {{0, 0}};
  EXPECT_TRUE(take(roll_out(engine, problems, requests, options, [] { return true; })).empty());
}

}  // namespace
}  // namespace lathe::infer
