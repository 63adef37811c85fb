// pass@k on a model that says "a" or "b".
#include "eval/pass_at_k.h"

#include <bit>

#include "tests/infer/mock_model.h"
#include "tests/ref/thread_ranks.h"

namespace lathe::eval {
namespace {

using namespace infer::testing;
using lathe::testing::take;
using lathe::testing::ThreadRanks;

// Right is "a"; problem i has i letters more.
class SayA : public tasks::ProblemSet {
 public:
  SayA() {
    for (int i = 0; i < 9; ++i) prompts_.push_back(std::vector<int32_t>(static_cast<size_t>(2 + i % 3), i < 6 ? kBos : 'z'));
  }
  int64_t size() const override { return static_cast<int64_t>(prompts_.size()); }
  const std::vector<int32_t>& prompt(int64_t i) const override { return prompts_[static_cast<size_t>(i)]; }
  double reward(int64_t, std::string_view answer) const override { return answer == "a" ? 1 : 0; }
  std::string fingerprint() const override { return ""; }

 private:
  std::vector<std::vector<int32_t>> prompts_;
};

MockModel two_minds() {
  return MockModel([](int64_t, const std::vector<int32_t>& seen, std::span<float> logits) {
    if (seen.back() == kBos)
      logits['a'] = logits['b'] = 50;
    else
      logits[static_cast<size_t>(seen.back() == 'z' ? 'b' : kAssistantEnd)] = 50;
  });
}

// Chen et al. 2021: 1 - C(n - c, k) / C(n, k), against the mean over all choices of k samples.
TEST(UnbiasedPassAtK, IsTheMeanOverAllChoicesOfSamples) {
  const int64_t n = 7;
  for (int64_t c = 0; c <= n; ++c)
    for (int64_t k = 1; k <= n; ++k) {
      int64_t choices = 0, solved = 0;
      for (uint32_t set = 0; set < 1u << n; ++set) {
        if (std::popcount(set) != k) continue;
        ++choices;
        solved += (set & ((1u << c) - 1)) != 0;
      }
      EXPECT_NEAR(eval::unbiased_pass_at_k(n, c, k), static_cast<double>(solved) / static_cast<double>(choices), 1e-14) << c << " " << k;
    }
  EXPECT_EQ(eval::unbiased_pass_at_k(200, 0, 100), 0);
  EXPECT_EQ(eval::unbiased_pass_at_k(200, 150, 100), 1);
  EXPECT_THROW(eval::unbiased_pass_at_k(4, 5, 1), std::invalid_argument);
  EXPECT_THROW(eval::unbiased_pass_at_k(4, 1, 5), std::invalid_argument);
}

// C-9.14: a problem counts for k when one of its first k samples is right, so shares only grow.
TEST(PassAtK, CountsTheFirstSamples) {
  const std::vector<std::vector<bool>> outcomes = {{false, true, false}, {true, false, false}, {false, false, false}, {false, false, true}};
  EXPECT_EQ(pass_at_k(outcomes), (std::vector<double>{0.25, 0.5, 0.75}));
  EXPECT_TRUE(pass_at_k({}).empty());
}

// C-9.13, C-9.19: the first problems, some samples each, drawn with the same numbers for every problem and at every call.
TEST(PassAtK, MeasuresTheFirstProblemsWithTheSameDraws) {
  MockModel model = two_minds();
  infer::Engine engine(model, mock_tokenizer());
  const SayA problems;
  PassOptions options;
  EXPECT_EQ(options.max_problems, 400);
  EXPECT_EQ(options.top_k, 50);
  EXPECT_EQ(options.temperature, 1);
  EXPECT_EQ(options.max_new_tokens, 256);
  EXPECT_EQ(options.seed, 42u);
  options.max_problems = 6;
  options.samples = 5;
  const auto world = dist::single_process();
  const PassScore score = take(measure_pass(engine, problems, options, *world));
  EXPECT_EQ(score.problems, 6);
  ASSERT_EQ(score.pass.size(), 5u);
  for (const double share : score.pass) EXPECT_TRUE(share == 0 || share == 1) << "all six are drawn alike: " << share;
  EXPECT_EQ(score.pass[4], 1);
  EXPECT_GT(score.right, 0);
  EXPECT_LT(score.right, 1);
  EXPECT_DOUBLE_EQ(score.sequence_length, 4) << "2 to 4 of the prompt and one of the answer";
  EXPECT_EQ(score.line(), format_text("Pass@1: %.4f, Pass@2: %.4f, Pass@3: %.4f, Pass@4: %.4f, Pass@5: %.4f", score.pass[0], score.pass[1], score.pass[2], score.pass[3], score.pass[4]));
  options.max_problems = -1;  // three more that are always wrong
  EXPECT_DOUBLE_EQ(take(measure_pass(engine, problems, options, *world)).pass[4], 6.0 / 9);
  options.seed = 43;
  EXPECT_NE(take(measure_pass(engine, problems, options, *world)).right, score.right * 6 / 9);
}

// C-9.14: summed over ranks, divided by all problems.
TEST(PassAtK, RanksShareTheProblems) {
  PassOptions options;
  options.samples = 4;
  MockModel model = two_minds();
  infer::Engine engine(model, mock_tokenizer());
  const auto world = dist::single_process();
  const PassScore alone = take(measure_pass(engine, SayA(), options, *world));
  ThreadRanks::run(2, [&](dist::Communicator& ranks) {
    MockModel own = two_minds();
    infer::Engine own_engine(own, mock_tokenizer());
    const PassScore score = take(measure_pass(own_engine, SayA(), options, ranks));
    EXPECT_EQ(score.problems, 9);
    EXPECT_EQ(score.pass, alone.pass);
    EXPECT_DOUBLE_EQ(score.right, alone.right);
  });
}

}  // namespace
}  // namespace lathe::eval
