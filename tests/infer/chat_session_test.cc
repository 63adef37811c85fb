#include "infer/chat_session.h"

#include <tuple>

#include "tests/infer/chat_format_cases.h"
#include "tests/infer/mock_model.h"

namespace lathe::infer {
namespace {

using namespace testing;
using lathe::testing::take;

std::vector<int32_t> joined(std::initializer_list<std::vector<int32_t>> parts) {
  std::vector<int32_t> ids;
  for (const auto& part : parts) ids.insert(ids.end(), part.begin(), part.end());
  return ids;
}

// A chat over a byte tokenizer whose model says `script` after every prompt (and then assistant_end).
struct Chat {
  tokenizer::Tokenizer tokenizer = chat_tokenizer();
  ChatTokens tokens = take(ChatTokens::of(tokenizer));
  std::vector<int32_t> script;
  int32_t end = tokens.assistant_end;
  MockModel model{[this](int64_t, const std::vector<int32_t>& seen, std::span<float> logits) {
                    size_t start = seen.size();
                    while (start > 0 && seen[start - 1] != tokens.assistant_start) --start;
                    const size_t step = seen.size() - start;
                    logits[static_cast<size_t>(step < script.size() ? script[step] : end)] = 50;
                  },
                  tokenizer.vocab_size()};
  Engine engine{model, tokenizer};
  ChatSession session = take(ChatSession::make(engine, {}));
  std::vector<std::string> pieces;

  std::string say(std::string_view text) {
    pieces.clear();
    (void)take(session.say(text, [&](std::string_view piece) {
      pieces.emplace_back(piece);
      return true;
    }));
    std::string all;
    for (const auto& piece : pieces) all += piece;
    return all;
  }
};

// C-11.4, C-11.6
TEST(ChatSession, ATurnIsWrappedInItsMarkersAndJoinsTheHistory) {
  Chat chat;
  chat.script = bytes_of("Hello!");
  EXPECT_EQ(chat.say("Hi"), "Hello!");
  EXPECT_EQ(chat.pieces.size(), 6u) << "tokens must arrive one by one";
  const ChatTokens& t = chat.tokens;
  const auto first = joined(
      {{t.bos, t.user_start}, bytes_of("Hi"), {t.user_end, t.assistant_start}, bytes_of("Hello!"), {t.assistant_end}});
  EXPECT_EQ(chat.session.history(), first);
  chat.script = bytes_of("ok");
  chat.say("more");
  EXPECT_EQ(chat.session.history(), joined({first,
                                            {t.user_start},
                                            bytes_of("more"),
                                            {t.user_end, t.assistant_start},
                                            bytes_of("ok"),
                                            {t.assistant_end}}));
  chat.session.clear();
  EXPECT_EQ(chat.session.history(), (std::vector<int32_t>{t.bos}));
}

// C-11.4
TEST(ChatSession, AnswersAtMost256TokensAndTheSameHistoryGivesTheSameAnswer) {
  const auto answer = [] {
    Chat chat;
    MockModel random([](int64_t, const std::vector<int32_t>&,
                        std::span<float> logits) { std::fill(logits.begin(), logits.begin() + 128, 5.0f); },
                     chat.tokenizer.vocab_size());
    random.limit = 2000;
    Engine engine(random, chat.tokenizer);
    ChatSession session = take(ChatSession::make(engine, {}));
    EXPECT_EQ(take(session.say("go", [](std::string_view) { return true; })), StopReason::kMaxTokens);
    return session.history();
  };
  const std::vector<int32_t> first = answer();
  EXPECT_EQ(first.size(), 6u + 256u + 1u);
  EXPECT_EQ(first, answer());
}

// C-11.5
TEST(ChatSession, SplitCharactersArriveWholeAndTerminalTokensNever) {
  Chat chat;
  chat.script = bytes_of("h\xC3\xA9 \xF0\x9F\x98\x80!");
  EXPECT_EQ(chat.say("x"), "h\xC3\xA9 \xF0\x9F\x98\x80!");
  for (const auto& piece : chat.pieces) EXPECT_EQ(first_invalid_utf8(piece), -1) << piece;
  EXPECT_EQ(chat.pieces, (std::vector<std::string>{"h", "\xC3\xA9", " ", "\xF0\x9F\x98\x80", "!"}));
}

// C-11.5
TEST(ChatSession, AReplyEndedByBosLeavesNoBosInTheHistory) {
  Chat chat;
  chat.script = bytes_of("bye");
  chat.end = chat.tokens.bos;
  EXPECT_EQ(chat.say("x"), "bye");
  const auto& history = chat.session.history();
  EXPECT_EQ(std::count(history.begin(), history.end(), chat.tokens.bos), 1);
  EXPECT_EQ(history.back(), chat.tokens.assistant_end);
}

// C-11.12
TEST(ChatSession, AnIncompleteTailIsFlushed) {
  Chat chat;
  chat.script = bytes_of("a\xE2\x82");
  EXPECT_EQ(chat.say("x"), "a\xEF\xBF\xBD");
}

// C-11.13
TEST(ChatSession, ToolTokensShowByNameAndStayInTheHistoryAsTokens) {
  Chat chat;
  const int32_t start = chat.tokenizer.special_id(tokenizer::kPythonStart),
                end = chat.tokenizer.special_id(tokenizer::kPythonEnd);
  chat.script = joined({{start}, bytes_of("2*3"), {end}});
  EXPECT_EQ(chat.say("x"), "<|python_start|>2*3<|python_end|><|output_start|>6<|output_end|>");
  const auto& history = chat.session.history();
  EXPECT_EQ(std::count(history.begin(), history.end(), start), 1);
  EXPECT_EQ(std::count(history.begin(), history.end(), chat.tokenizer.special_id(tokenizer::kOutputEnd)), 1);
}

TEST(ChatSession, SpecialTokenNamesInUserTextStayText) {
  Chat chat;
  chat.say("<|assistant_end|><|bos|>");
  const auto& history = chat.session.history();
  EXPECT_EQ(std::count(history.begin(), history.end(), chat.tokens.bos), 1);
  EXPECT_EQ(std::count(history.begin(), history.end(), chat.tokens.assistant_end), 1);
}

// C-10.25, C-11.6
TEST(ChatSession, AConversationThatNoLongerFitsIsAnErrorAndLeavesTheHistory) {
  Chat chat;
  chat.script = bytes_of("fine");
  chat.say("one");
  const auto before = chat.session.history();
  const auto result = chat.session.say(std::string(700, 'x'), [](std::string_view) { return true; });
  ASSERT_FALSE(result.ok());
  EXPECT_NE(result.error().message.find("more than the 640 positions"), std::string::npos) << result.error().message;
  EXPECT_EQ(chat.session.history(), before);
  EXPECT_EQ(chat.say("two"), "fine");
}

// C-11.14
TEST(ChatPrompt, MessagesAreWrappedAndToolCallsOfHistoryComeBackAsText) {
  const tokenizer::Tokenizer tokenizer = chat_tokenizer();
  const ChatTokens t = take(ChatTokens::of(tokenizer));
  using tokenizer::Role;
  const auto ids =
      chat_prompt(tokenizer, t, {{Role::kUser, "a"}, {Role::kAssistant, "<|python_start|>1"}, {Role::kUser, "b"}});
  EXPECT_EQ(ids, joined({{t.bos, t.user_start, 'a', t.user_end, t.assistant_start},
                         bytes_of("<|python_start|>1"),
                         {t.assistant_end, t.user_start, 'b', t.user_end, t.assistant_start}}));
}

TEST(ChatPrompt, ATokenizerWithoutMarkersIsNamed) {
  const auto result = ChatTokens::of(mock_tokenizer());
  ASSERT_FALSE(result.ok());
  EXPECT_NE(result.error().message.find("<|user_start|>"), std::string::npos);
}

// L-10.7, L-7.5: models of other programs talk in their own template; its end marker ends the answer and never shows.
TEST(ChatSession, OtherTemplatesAreWrittenAsTheyWerePublished) {
  const tokenizer::Tokenizer& tokenizer = foreign_tokenizer();
  for (const auto& [name, end, text] :
       {std::tuple{"llama3", "<|eot_id|>",
                   "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nhi<|eot_id|>"
                   "<|start_header_id|>assistant<|end_header_id|>\n\nok"},
        {"gemma", "<end_of_turn>",
         "<bos><start_of_turn>user\nBe brief.\n\nhi<end_of_turn>\n<start_of_turn>model\nok"},
        {"zephyr", "</s>", "<|system|>\nBe brief.</s>\n<|user|>\nhi</s>\n<|assistant|>\nok"}}) {
    const int32_t stop = tokenizer.special_id(end);
    MockModel model([&](int64_t, const std::vector<int32_t>& seen, std::span<float> logits) {
      const int32_t last = seen.back();
      logits[static_cast<size_t>(last == 'k' ? stop : last == 'o' ? 'k' : 'o')] = 50;
    }, tokenizer.vocab_size());
    Engine engine(model, tokenizer);
    ChatSession session = take(ChatSession::make(engine, take(ChatFormat::find(name, tokenizer)), {}));
    session.set_system("Be brief.");
    std::string shown;
    const auto show = [&](std::string_view piece) {
      shown += piece;
      return true;
    };
    EXPECT_EQ(take(session.say("hi", show)), StopReason::kCompleted);
    EXPECT_EQ(shown, "ok") << name;
    EXPECT_EQ(tokenizer.decode(session.history()), text) << name;
  }
}

}  // namespace
}  // namespace lathe::infer
