#include "tokenizer/render.h"

#include "tests/ref/testing.h"
#include "tokenizer/bpe_trainer.h"

namespace lathe::tokenizer {
namespace {

using testing::take;
using Ids = std::vector<int32_t>;
using Mask = std::vector<uint8_t>;

// Ids are bytes; the special tokens are 257 + their place, "ab" is 256.
Tokenizer small() { return take(Tokenizer::from_tokens(tokens_of_merges({{'a', 'b'}}))); }
enum : int32_t { kB = 257, kUs, kUe, kAs, kAe, kPs, kPe, kOs, kOe };

Conversation parse(const std::string& messages) {
  return take(conversation_from_json(take(parse_json("{\"messages\":" + messages + "}"))));
}
std::string error_of(const std::string& json) {
  const auto conversation = conversation_from_json(take(parse_json(json)));
  if (!conversation.ok()) return conversation.error().message;
  const auto rendered = render_conversation(small(), conversation.value());
  return rendered.ok() ? "" : rendered.error().message;
}

// C-2.22, C-2.23, C-2.27: parts are encoded on their own, so "a" + "b" stay two tokens.
TEST(Render, StringBodies) {
  const Rendered out =
      take(render_conversation(small(), parse(R"([{"role":"user","content":"a"},{"role":"assistant","content":"b"},
                         {"role":"user","content":"ab"},{"role":"assistant","content":"ab"}])")));
  EXPECT_EQ(out.ids, (Ids{kB, kUs, 'a', kUe, kAs, 'b', kAe, kUs, 256, kUe, kAs, 256, kAe}));
  EXPECT_EQ(out.mask, (Mask{0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 1, 1}));
}

// C-2.24, C-2.27
TEST(Render, ToolPartsAndTheirMask) {
  const Rendered out =
      take(render_conversation(small(), parse(R"([{"role":"user","content":"q"},{"role":"assistant","content":[
        {"type":"text","text":"a"},{"type":"text","text":"b"},{"type":"python","text":"1"},
        {"type":"python_output","text":"2"}]}])")));
  EXPECT_EQ(out.ids, (Ids{kB, kUs, 'q', kUe, kAs, 'a', 'b', kPs, '1', kPe, kOs, '2', kOe, kAe}));
  EXPECT_EQ(out.mask, (Mask{0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 0, 0, 0, 1}));
}

// C-2.24, C-2.26
TEST(Render, RefusesInvalidContent) {
  const auto with = [](const std::string& content) {
    return error_of(R"({"messages":[{"role":"user","content":"q"},{"role":"assistant","content":)" + content + "}]}");
  };
  EXPECT_EQ(with(R"([{"type":"image","text":"x"}])"), "message 1, part 0: unknown part type \"image\"");
  EXPECT_NE(with(R"([{"type":"text","text":"x"},"y"])").find("message 1, part 1"), std::string::npos);
  EXPECT_NE(with(R"([{"type":"text","text":5}])").find("message 1, part 0"), std::string::npos);
  EXPECT_NE(with("5").find("message 1: content must be a string or a list"), std::string::npos);
  EXPECT_EQ(with("[]"), "");
  EXPECT_NE(error_of(R"({"messages":[{"role":"user","content":[{"type":"text","text":"x"}]}]})").find("message 0"),
            std::string::npos);
  EXPECT_NE(error_of(R"({"messages":[{"role":"user"}]})").find("missing"), std::string::npos);
  EXPECT_NE(error_of(R"({"text":"x"})").find("messages"), std::string::npos);
  EXPECT_NE(error_of(R"([1])").find("messages"), std::string::npos);
  for (const char* role : {"user", "system"}) {
    const Json json = take(parse_json(join_text(R"({"messages":[{"role":")", role, R"(","content":[]}]})")));
    EXPECT_FALSE(conversation_from_json(json).ok()) << role;
  }
  // The same when built in memory.
  Conversation built{{Message{Role::kUser, std::vector<Part>{}}}};
  EXPECT_FALSE(render_conversation(small(), built).ok());
}

// C-2.26
TEST(Render, RolesMustAlternateFromTheUserOn) {
  EXPECT_EQ(error_of(R"({"messages":[{"role":"assistant","content":"x"}]})"),
            "message 0 is from assistant, expected user");
  EXPECT_EQ(error_of(R"({"messages":[{"role":"user","content":"x"},{"role":"user","content":"x"}]})"),
            "message 1 is from user, expected assistant");
  EXPECT_EQ(error_of(R"({"messages":[{"role":"user","content":"x"},{"role":"system","content":"x"}]})"),
            "message 1 is from system, expected assistant");
  EXPECT_NE(error_of(R"({"messages":[{"role":"tool","content":"x"}]})").find("unknown role \"tool\""),
            std::string::npos);
  EXPECT_NE(error_of(R"({"messages":[]})").find("at least one message"), std::string::npos);
}

// C-2.25
TEST(Render, SystemMessageJoinsTheFirstUserMessage) {
  const Conversation conversation = parse(R"([{"role":"system","content":"s"},{"role":"user","content":"u"},
                                              {"role":"assistant","content":"x"},{"role":"user","content":"v"}])");
  const Conversation before = conversation;
  const Rendered out = take(render_conversation(small(), conversation));
  EXPECT_EQ(out.ids, (Ids{kB, kUs, 's', '\n', '\n', 'u', kUe, kAs, 'x', kAe, kUs, 'v', kUe}));
  EXPECT_EQ(conversation, before);
  EXPECT_NE(error_of(R"({"messages":[{"role":"system","content":"s"}]})").find("message 1"), std::string::npos);
  EXPECT_NE(error_of(R"({"messages":[{"role":"system","content":"s"},{"role":"assistant","content":"x"}]})")
                .find("message 1"),
            std::string::npos);
}

// C-2.28
TEST(Render, CutsFromTheRight) {
  EXPECT_EQ(kMaxRenderedTokens, 2048);
  const Conversation conversation = parse(R"([{"role":"user","content":"u"},{"role":"assistant","content":"x"}])");
  const Rendered all = take(render_conversation(small(), conversation)),
                 cut = take(render_conversation(small(), conversation, 6));
  EXPECT_EQ(all.dropped, 0);
  EXPECT_EQ(cut.dropped, 1);
  EXPECT_EQ(cut.ids, (Ids{kB, kUs, 'u', kUe, kAs, 'x'})) << "assistant_end is cut off";
  EXPECT_EQ(cut.mask, (Mask{0, 0, 0, 0, 0, 1}));
  Conversation longer = conversation;
  longer.messages[0].content = std::string(3000, '!');
  EXPECT_EQ(take(render_conversation(small(), longer)).ids.size(), 2048u);
}

// C-2.29
TEST(Render, ForCompletionDropsTheLastAnswerAndOpensANewOne) {
  const Conversation conversation = parse(R"([{"role":"user","content":"u"},{"role":"assistant","content":"x"}])");
  EXPECT_EQ(take(render_for_completion(small(), conversation)), (Ids{kB, kUs, 'u', kUe, kAs}));
  EXPECT_EQ(take(render_for_completion(small(), conversation, 3)), (Ids{kB, kUs, 'u', kAs})) << "cut before the append";
  EXPECT_EQ(take(render_prompt(small(), conversation, 3)).dropped, 1);
  EXPECT_FALSE(render_for_completion(small(), parse(R"([{"role":"user","content":"u"}])")).ok());
  EXPECT_FALSE(render_for_completion(small(), Conversation{}).ok());
}

// C-2.35
TEST(Render, OtherKeysAreIgnored) {
  const Json json = take(
      parse_json(R"({"letters":["A"],"entry_point":3,"messages":[{"role":"user","content":"u","id":1}],"test":null})"));
  EXPECT_EQ(take(conversation_from_json(json)), parse(R"([{"role":"user","content":"u"}])"));
}

TEST(Render, ConversationsGoToJsonAndBack) {
  const Conversation conversation =
      parse(R"([{"role":"system","content":"s"},{"role":"user","content":"u"},{"role":"assistant","content":[
        {"type":"text","text":"a"},{"type":"python","text":"1"},{"type":"python_output","text":"2"}]}])");
  EXPECT_EQ(take(conversation_from_json(conversation_to_json(conversation))), conversation);
}

TEST(Render, NeedsATokenizerWithTheMarkers) {
  const Tokenizer plain = take(Tokenizer::from_tokens(tokens_of_merges({}), {"<|other|>"}));
  const auto result = render_conversation(plain, parse(R"([{"role":"user","content":"u"}])"));
  ASSERT_FALSE(result.ok());
  EXPECT_NE(result.error().message.find("<|bos|>"), std::string::npos);
}

// C-2.30
TEST(Render, VisualiserColoursByMask) {
  const Rendered rendered{{'a', kAe}, {0, 1}, 0};
  EXPECT_EQ(visualize(small(), rendered), "\033[91ma\033[0m|\033[92m<|assistant_end|>\033[0m");
  EXPECT_EQ(visualize(small(), rendered, true),
            "\033[91ma\033[0m|\033[90m(97)\033[0m|\033[92m<|assistant_end|>\033[0m|\033[90m(261)\033[0m");
}

// C-2.30: every token has another colour than the one before it; nothing of a text can reach the terminal as a command.
TEST(Render, PiecesInColours) {
  EXPECT_EQ(visualize_pieces(small(), Ids{256, 'c'}), "\033[94mab\033[0m\033[93mc\033[0m");
  EXPECT_EQ(visualize_pieces(small(), Ids{'c', kUs}, true),
            "\033[94mc\033[0m\033[90m(99)\033[0m\033[91m<|user_start|>\033[0m\033[90m(258)\033[0m");
  EXPECT_EQ(visualize_pieces(small(), Ids{'\n', '\t', 0x1B, 0xC3}),
            "\033[94m\\n\033[0m\n\033[93m\\t\033[0m\033[95m\\x1B\033[0m\033[96m<C3>\033[0m");
  EXPECT_EQ(visualize_pieces(small(), Ids(6, 'c')).substr(0, 6), "\033[94mc");
  EXPECT_NE(visualize_pieces(small(), Ids(6, 'c')).find("\033[92mc\033[0m\033[94mc"), std::string::npos);
}

}  // namespace
}  // namespace lathe::tokenizer
