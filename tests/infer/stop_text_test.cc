// Stop texts and whole characters in a streamed answer.
#include "infer/stop_text.h"

#include "infer/reply.h"
#include "tests/infer/mock_model.h"

namespace lathe::infer {
namespace {

using lathe::testing::take;

std::vector<std::string> pieces(StopText& stop, const std::vector<std::string>& in) {
  std::vector<std::string> out;
  for (const std::string& piece : in) out.push_back(stop.push(piece));
  return out;
}

// L-12.11
TEST(StopText, IsFoundAcrossPiecesAndItsBeginningIsHeldBack) {
  const std::vector<std::string> stops = {"END", "\n\n", ""};
  StopText stop(stops);
  EXPECT_EQ(pieces(stop, {"a", "bE", "N", "Ec\n", "d", "\n", "\nmore"}),
            (std::vector<std::string>{"a", "b", "", "ENEc", "\nd", "", ""}));
  EXPECT_TRUE(stop.found());
  EXPECT_EQ(stop.push("x"), "");
  EXPECT_EQ(stop.flush(), "");
}

TEST(StopText, TheFirstInTheTextWinsAndWhatIsLeftComesAtTheEnd) {
  const std::vector<std::string> stops = {"later", "b"};
  StopText stop(stops);
  EXPECT_EQ(stop.push("ab later"), "a");
  EXPECT_TRUE(stop.found());
  const std::vector<std::string> long_one = {"xyz"};
  StopText none(long_one);
  EXPECT_EQ(none.push("wxy"), "w");
  EXPECT_EQ(none.flush(), "xy");
  EXPECT_FALSE(none.found());
}

// A model that says `text`, byte by byte, then assistant_end.
testing::MockModel speaker(const std::string& text, size_t prompt) {
  return testing::MockModel([text, prompt](int64_t, const std::vector<int32_t>& seen, std::span<float> logits) {
    const size_t at = seen.size() - prompt;
    logits[at < text.size() ? static_cast<unsigned char>(text[at]) : static_cast<size_t>(testing::kAssistantEnd)] = 50;
  });
}

// L-12.11: the count, a terminal token, a stop text.
TEST(StreamedReply, EndsAtItsStopConditions) {
  const auto answer = [](std::optional<int64_t> most, const std::vector<std::string>& stops, StopReason& reason) {
    testing::MockModel model = speaker("one two three", 1);
    Engine engine(model, testing::mock_tokenizer());
    GenerateOptions options;
    options.sampling.temperature = 0;
    options.max_tokens = most;
    std::string text;
    const std::vector<int32_t> prompt = {65};
    const Reply reply = take(stream_reply(engine, prompt, options, [&](std::string_view t) { return text += t, true; }, {}, stops));
    reason = reply.reason;
    return text;
  };
  StopReason reason = StopReason::kCancelled;
  EXPECT_EQ(answer(5, {}, reason), "one t");
  EXPECT_EQ(reason, StopReason::kMaxTokens);
  EXPECT_EQ(answer(30, {}, reason), "one two three");
  EXPECT_EQ(reason, StopReason::kCompleted);
  EXPECT_EQ(answer(30, {"wo t"}, reason), "one t");
  EXPECT_EQ(reason, StopReason::kCompleted);
  EXPECT_EQ(answer(30, {"ee?"}, reason), "one two three");
}

// L-12.12
TEST(StreamedReply, HoldsBackACharacterUntilItIsWhole) {
  testing::MockModel model = speaker("a\xC3\xA9\xE2\x82\xAC!", 1);
  Engine engine(model, testing::mock_tokenizer());
  GenerateOptions options;
  options.sampling.temperature = 0;
  options.max_tokens = 30;
  std::vector<std::string> shown;
  const std::vector<int32_t> prompt = {65};
  take(stream_reply(engine, prompt, options, [&](std::string_view t) { return shown.emplace_back(t), true; }));
  EXPECT_EQ(shown, (std::vector<std::string>{"a", "\xC3\xA9", "\xE2\x82\xAC", "!"}));
}

}  // namespace
}  // namespace lathe::infer
