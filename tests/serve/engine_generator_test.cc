#include "serve/engine_generator.h"

#include "tests/infer/mock_model.h"

namespace lathe::serve {
namespace {

using infer::testing::bytes_of;
using infer::testing::MockModel;
using lathe::testing::take;
using tokenizer::Role;

// The generator over a model that says `script` and then assistant_end.
struct Generating {
  tokenizer::Tokenizer tokenizer = infer::testing::chat_tokenizer();
  std::vector<int32_t> script;
  MockModel model{[this](int64_t, const std::vector<int32_t>& seen, std::span<float> logits) {
                    const size_t step = seen.size() - prompt_length;
                    logits[static_cast<size_t>(
                        step < script.size() ? script[step] : tokenizer.special_id(tokenizer::kAssistantEnd))] = 90;
                  },
                  tokenizer.vocab_size()};
  size_t prompt_length = 5;
  infer::Engine engine{model, tokenizer};
  std::unique_ptr<EngineGenerator> generator = take(EngineGenerator::make(engine, "cpu"));
  std::vector<std::string> pieces;

  Status run(
      const GenerationRequest& request, std::function<bool()> is_cancelled = [] { return false; }) {
    return generator->generate(
        request, [&](std::string_view piece) { pieces.emplace_back(piece); }, is_cancelled);
  }
};

GenerationRequest request_of(std::vector<infer::ChatMessage> messages, double temperature = 0.8) {
  GenerationRequest request;
  request.messages = std::move(messages);
  request.temperature = temperature;
  return request;
}

// C-11.14
TEST(EngineGenerator, TheModelReadsTheWholeConversation) {
  Generating g;
  const infer::ChatTokens t = take(infer::ChatTokens::of(g.tokenizer));
  g.prompt_length = 11;
  ASSERT_TRUE(g.run(request_of({{Role::kUser, "a"}, {Role::kAssistant, "b"}, {Role::kUser, "c"}})).ok());
  EXPECT_EQ(g.model.seen()[0],
            (std::vector<int32_t>{t.bos, t.user_start, 'a', t.user_end, t.assistant_start, 'b', t.assistant_end,
                                  t.user_start, 'c', t.user_end, t.assistant_start}));
  EXPECT_TRUE(g.pieces.empty());
}

// C-11.12, C-11.13
TEST(EngineGenerator, PiecesAreWholeCharactersWithoutTerminalTokens) {
  Generating g;
  g.script = bytes_of("\xC3\xA9!");
  g.script.push_back(g.tokenizer.special_id(tokenizer::kOutputStart));
  g.script.push_back(0xE2);  // never completed
  ASSERT_TRUE(g.run(request_of({{Role::kUser, "a"}})).ok());
  EXPECT_EQ(g.pieces, (std::vector<std::string>{"\xC3\xA9", "!", "<|output_start|>", "\xEF\xBF\xBD"}));
}

// C-11.19
TEST(EngineGenerator, RequestSettingsReachTheSampler) {
  const auto said = [](double temperature, int64_t top_k, uint64_t seed, int64_t max_tokens) {
    tokenizer::Tokenizer tokenizer = infer::testing::chat_tokenizer();
    MockModel model(
        [](int64_t, const std::vector<int32_t>&, std::span<float> logits) {
          for (size_t i = 'a'; i <= 'z'; ++i) logits[i] = 20 + static_cast<float>(i) * 0.01f;
        },
        tokenizer.vocab_size());
    infer::Engine engine(model, tokenizer);
    GenerationRequest request = request_of({{Role::kUser, "a"}}, temperature);
    request.top_k = top_k;
    request.seed = seed;
    request.max_tokens = max_tokens;
    std::string text;
    EXPECT_TRUE(take(EngineGenerator::make(engine, "cpu"))
                    ->generate(
                        request, [&](std::string_view piece) { text += piece; }, [] { return false; })
                    .ok());
    return text;
  };
  EXPECT_EQ(said(0, 50, 1, 6), "zzzzzz");
  EXPECT_EQ(said(2, 1, 1, 4), "zzzz");
  const std::string free = said(1, 0, 1, 20);
  EXPECT_EQ(free.size(), 20u);
  EXPECT_EQ(free, said(1, 0, 1, 20));
  EXPECT_NE(free, said(1, 0, 2, 20));
}

// C-10.25
TEST(EngineGenerator, AConversationThatDoesNotFitIsRefusedBeforeItStarts) {
  Generating g;
  EXPECT_TRUE(g.generator->check(request_of({{Role::kUser, std::string(640 - 4, 'a')}})).ok());
  const Status refused = g.generator->check(request_of({{Role::kUser, std::string(640 - 3, 'a')}}));
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error().message.find("641 tokens, more than the 640"), std::string::npos)
      << refused.error().message;
  EXPECT_TRUE(g.model.calls.empty());
}

TEST(TrapS2, ACancelledRequestLeavesTheEngineAtItsNextStep) {
  Generating g;
  g.script.assign(400, 'x');
  ASSERT_TRUE(g.run(request_of({{Role::kUser, "a"}}), [&] { return g.pieces.size() == 3; }).ok());
  EXPECT_EQ(g.pieces.size(), 3u);
  EXPECT_EQ(g.model.calls.size(), 4u);
}

TEST(EngineGenerator, ATokenizerWithoutChatMarkersIsRefused) {
  MockModel model;
  infer::Engine engine(model, infer::testing::mock_tokenizer());
  EXPECT_FALSE(EngineGenerator::make(engine, "cpu").ok());
}

}  // namespace
}  // namespace lathe::serve
