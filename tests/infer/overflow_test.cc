// Generation with a cache against forward passes over the whole text: every switch of the architecture, and texts longer than
// the model's positions.
#include "infer/engine.h"
#include "infer/transformer_model.h"
#include "tests/infer/mock_model.h"
#include "tests/ref/switches.h"

namespace lathe::infer {
namespace {

using lathe::testing::random_model;
using lathe::testing::SwitchedModel;
using lathe::testing::switched_models;
using lathe::testing::take;

constexpr int64_t kPositions = 24, kVocab = 27;

// The most likely token after the last `most` tokens, one forward pass a token.
std::vector<int32_t> from_scratch(LanguageModel& model, std::vector<int32_t> text, int64_t count, int64_t most) {
  for (int64_t i = 0; i < count; ++i) {
    const std::vector<int32_t> end(text.end() - std::min(most, std::ssize(text)), text.end());
    text.push_back(argmax(model.forward_uncached(end).span<float>()));
  }
  return text;
}

std::vector<int32_t> generated(LanguageModel& model, const std::vector<int32_t>& prompt, int64_t count, Overflow overflow,
                               StopReason* reason = nullptr) {
  Engine engine(model, testing::mock_tokenizer());
  GenerateOptions options;
  options.sampling.temperature = 0;
  options.max_tokens = count;
  options.overflow = overflow;
  const Generated out = take(engine.generate_batch(prompt, options));
  if (reason != nullptr) *reason = out.reason;
  return out.tokens.at(0);
}

class EverySwitch : public ::testing::TestWithParam<int> {
 protected:
  static SwitchedModel switched() { return switched_models(kPositions, 5)[static_cast<size_t>(GetParam())]; }
};

// L-12.9, L-11.91
TEST_P(EverySwitch, CachedAndUncachedGenerationAgree) {
  const auto transformer = random_model(switched().config, DType::kFloat32);
  TransformerModel model(*transformer);
  const std::vector<int32_t> prompt = {3, 1, 4, 1, 5};
  EXPECT_EQ(generated(model, prompt, kPositions - 5, Overflow::kStop), from_scratch(model, prompt, kPositions - 5, kPositions));
}

// L-12.8, L-11.91: learned positions see the last block; a window with rotations goes on at its absolute positions.
TEST_P(EverySwitch, ALongTextSlidesOn) {
  const auto transformer = random_model(switched().config, DType::kFloat32);
  TransformerModel model(*transformer);
  const bool windowed = switched().on[2] && switched().on[3];
  EXPECT_EQ(model.slide_length(), windowed ? 10 * kPositions : kPositions);
  const std::vector<int32_t> prompt = {3, 1, 4, 1, 5};
  EXPECT_EQ(generated(model, prompt, 2 * kPositions, Overflow::kSlide), from_scratch(model, prompt, 2 * kPositions, model.slide_length()));
}

INSTANTIATE_TEST_SUITE_P(All, EverySwitch, ::testing::Range(0, 12),
                         [](const auto& info) { return switched_models(kPositions)[static_cast<size_t>(info.param)].name; });

model::ModelConfig learned() { return switched_models(kPositions)[11].config; }

// L-12.8
TEST(ContextOverflow, StopsOrSlidesAsAskedAndTakesTheEndOfALongPrompt) {
  const auto transformer = random_model(learned(), DType::kFloat32);
  TransformerModel model(*transformer);
  std::vector<int32_t> prompt(static_cast<size_t>(kPositions));
  for (size_t i = 0; i < prompt.size(); ++i) prompt[i] = static_cast<int32_t>(i * 5 % kVocab);
  StopReason reason = StopReason::kCompleted;
  EXPECT_EQ(std::ssize(generated(model, prompt, 9, Overflow::kStop, &reason)), kPositions + 1);
  EXPECT_EQ(reason, StopReason::kContextFull);
  EXPECT_EQ(generated(model, prompt, 9, Overflow::kSlide, &reason), from_scratch(model, prompt, 9, kPositions));
  EXPECT_EQ(reason, StopReason::kMaxTokens);
  prompt.insert(prompt.begin(), {7, 7, 7});
  EXPECT_EQ(generated(model, prompt, 9, Overflow::kSlide), from_scratch(model, prompt, 9, kPositions));
  Engine engine(model, testing::mock_tokenizer());
  GenerateOptions options;
  options.max_tokens = 3;
  EXPECT_NE(engine.generate_batch(prompt, options).error().to_string().find("more than the 24 positions"), std::string::npos);
  options.overflow = Overflow::kSlide, options.max_tokens = std::nullopt;
  EXPECT_FALSE(engine.generate_batch(prompt, options).ok());
}

// L-12.10: two rows that slide together get what each gets alone.
TEST(ContextOverflow, RowsSlideTogether) {
  const auto transformer = random_model(learned(), DType::kFloat32);
  TransformerModel model(*transformer);
  Engine engine(model, testing::mock_tokenizer());
  GenerateOptions options;
  options.sampling.temperature = 0;
  options.max_tokens = 30;
  options.overflow = Overflow::kSlide;
  const std::vector<std::vector<int32_t>> prompts = {{1, 2, 3}, {9, 8, 7}};
  const Generated both = take(engine.generate_each(prompts, options));
  for (size_t row = 0; row < 2; ++row) EXPECT_EQ(both.tokens[row], from_scratch(model, prompts[row], 30, kPositions));
}

}  // namespace
}  // namespace lathe::infer
