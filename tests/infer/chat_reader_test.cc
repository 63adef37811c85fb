// Answers with tool calls, cut anywhere.
#include <gtest/gtest.h>

#include "core/rng.h"
#include "tests/infer/chat_format_cases.h"

namespace lathe::infer {
namespace {

using namespace testing;
using lathe::testing::take;

std::string shown(const ChatFormat::Reader::Read& read) {
  std::string out = read.text;
  for (const ToolCall& call : read.calls) out += "{" + call.id + "|" + call.name + "|" + call.arguments + "}";
  return out;
}

// Text, then calls, after the answer was pushed in the given pieces.
template <typename Cut>
ChatFormat::Reader::Read read_in_pieces(const std::string& format, const std::string& answer, Cut cut, bool is_call = false) {
  int calls = 0;
  ChatFormat::Reader::Options options;
  options.tools = {"f", "g"};
  options.new_id = [&] { return "call_" + std::to_string(calls++); };
  options.is_call = is_call;
  ChatFormat::Reader reader(take(ChatFormat::find(format, foreign_tokenizer())), options);
  ChatFormat::Reader::Read all;
  const auto add = [&](ChatFormat::Reader::Read read) {
    all.text += read.text;
    for (ToolCall& call : read.calls) all.calls.push_back(std::move(call));
  };
  for (size_t at = 0; at < answer.size();) {
    const size_t length = std::min(std::max<size_t>(1, cut()), answer.size() - at);
    add(reader.push(std::string_view(answer).substr(at, length)));
    at += length;
  }
  add(reader.finish());
  EXPECT_EQ(reader.has_called(), !all.calls.empty());
  return all;
}

struct Case {
  const char *format, *answer, *expected;
};

const std::vector<Case>& cases() {
  static const std::vector<Case> list = {
      {"hermes", "plain text \n", "plain text \n"},
      {"hermes", "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": 1}}\n</tool_call>", "{call_0|f|{\"a\": 1}}"},
      {"hermes", "Let me see.\n<tool_call>{\"name\":\"f\",\"arguments\":{}}</tool_call>\n<tool_call>{\"name\":\"g\"}</tool_call>\n", "Let me see.{call_0|f|{}}{call_1|g|{}}"},
      {"qwen2.5", "<tool_call>{\"name\": \"f\", \"arguments\": \"{\\\"a\\\": \\\"</tool_call>\\\"}\"}</tool_call> bye", " bye{call_0|f|{\"a\": \"</tool_call>\"}}"},
      {"chat", "<tool_call>{\"name\":\"g\",\"arguments\":{\"x\":[1,{\"}\":\"]\"}]}}", "{call_0|g|{\"x\": [1, {\"}\": \"]\"}]}}"},  // the closing mark is missing
      {"gemma", "a <tool_call>{\"name\":\"h\",\"arguments\":{}}</tool_call> b", "a <tool_call>{\"name\":\"h\",\"arguments\":{}}</tool_call> b"},  // no such tool
      {"hermes", "<tool_call>nonsense</tool_call>", "<tool_call>nonsense</tool_call>"},
      {"hermes", "x\n<tool_call>{\"name\":\"f\",\"arguments\":[]}</tool_call>\n", "x\n<tool_call>{\"name\":\"f\",\"arguments\":[]}</tool_call>\n"},
      {"hermes", "<tool_call>{\"name\":\"f\"", "<tool_call>{\"name\":\"f\""},
      {"hermes", "<tool_call>{\"name\":\"f\"} x</tool_call><tool_call>{\"name\":\"g\"}</tool_call>", "<tool_call>{\"name\":\"f\"} x</tool_call>{call_0|g|{}}"},
      {"hermes", "a <tool_", "a <tool_"},
      {"hermes", "<<tool_call>{\"name\":\"f\"}</tool_call>", "<{call_0|f|{}}"},
      {"hermes", "<tool_call>  \n", "<tool_call>  \n"},
      {"llama3", "{\"name\": \"f\", \"parameters\": {\"q\": \"a;b\"}}", "{call_0|f|{\"q\": \"a;b\"}}"},
      {"llama3.1", "<|python_tag|>{\"name\": \"f\", \"parameters\": {}}; {\"name\": \"g\", \"parameters\": {}}", "{call_0|f|{}}{call_1|g|{}}"},
      {"llama3", " {\"answer\": 42} ok", " {\"answer\": 42} ok"},
      {"llama3", "Sure: {\"name\": \"f\", \"parameters\": {}}", "Sure: {\"name\": \"f\", \"parameters\": {}}"},
      {"llama3", "{\"name\": \"f\"", "{\"name\": \"f\""},
      {"llama3", "<|python", "<|python"},
      {"mistral", "[TOOL_CALLS] [{\"name\": \"f\", \"arguments\": {\"a\": [1]}}, {\"name\": \"g\", \"arguments\": {}, \"id\": \"x\"}]", "{call_0|f|{\"a\": [1]}}{call_1|g|{}}"},
      {"mistral", "[TOOL_CALLS] [{\"name\": \"f\"}, 3] z", "[TOOL_CALLS] [{\"name\": \"f\"}, 3] z"},
      {"mistral", "[TOOL_CALLS", "[TOOL_CALLS"},
  };
  return list;
}

TEST(ChatReader, FindsCallsAndLeavesTheRestAsText) {
  for (const Case& c : cases()) EXPECT_EQ(shown(read_in_pieces(c.format, c.answer, [] { return size_t{1} << 30; })), c.expected) << c.format << " " << c.answer;
}

TEST(ChatReader, CutsBetweenPiecesDoNotMatter) {
  for (const Case& c : cases()) {
    EXPECT_EQ(shown(read_in_pieces(c.format, c.answer, [] { return size_t{1}; })), c.expected) << c.format << " " << c.answer;
    for (uint64_t seed = 0; seed < 30; ++seed) {
      Rng random(seed, "chat_reader_test");
      EXPECT_EQ(shown(read_in_pieces(c.format, c.answer, [&] { return static_cast<size_t>(random.below(12)); })), c.expected) << c.format << " " << c.answer;
    }
  }
}

TEST(ChatReader, RandomAnswersGiveTheSameHoweverTheyAreCutAndLoseNothing) {
  const std::vector<std::string> words = {"<tool_call>", "</tool_call>", "{\"name\":\"f\",\"arguments\":{}}", "{", "}", "[", "]", "\"", "\\", " ", "\n", ";", "[TOOL_CALLS]",
                                          "<|python_tag|>", "<tool", "_call>", "{\"name\":\"g\",\"parameters\":{\"a\":\"x\"}}", "a", "\xC3\xA9", "\xFF", ","};
  const std::vector<std::string> formats = {"hermes", "llama3", "mistral", "chat"};
  for (uint64_t seed = 0; seed < 4000; ++seed) {
    Rng random(seed, "chat_reader_test");
    std::string answer;
    for (uint64_t n = random.below(14); n > 0; --n) answer += words[static_cast<size_t>(random.below(words.size()))];
    const std::string& format = formats[seed % formats.size()];
    const auto whole = read_in_pieces(format, answer, [] { return size_t{1} << 30; });
    const auto cut = read_in_pieces(format, answer, [&] { return static_cast<size_t>(random.below(7)); });
    ASSERT_EQ(shown(cut), shown(whole)) << format << " " << answer;
    if (whole.calls.empty()) {
      ASSERT_EQ(whole.text, answer) << format;
    }
  }
}

TEST(ChatReader, WithoutToolsEverythingIsTextAtOnce) {
  ChatFormat::Reader reader(take(ChatFormat::find("hermes", foreign_tokenizer())), ChatFormat::Reader::Options{});
  EXPECT_EQ(reader.push("<tool_call>{\"name\"").text, "<tool_call>{\"name\"");
  EXPECT_EQ(reader.finish().text, "");
}

TEST(ChatReader, AForcedCallIsTheWholeAnswer) {
  const auto one = [] { return size_t{1}; };
  EXPECT_EQ(shown(read_in_pieces("llama3", " {\"name\": \"g\", \"arguments\": {\"v\": 2}}", one, true)), "{call_0|g|{\"v\": 2}}");
  EXPECT_EQ(shown(read_in_pieces("hermes", "{\"name\": \"g\", \"argum", one, true)), "{\"name\": \"g\", \"argum");  // cut off by max_tokens
}

// A call without an end is not gathered for ever.
TEST(ChatReader, AnEndlessCallBecomesText) {
  const std::string answer = "<tool_call>{\"name\":\"f\",\"arguments\":{\"a\":\"" + std::string(70000, 'x') + "\"}}</tool_call>";
  EXPECT_EQ(read_in_pieces("hermes", answer, [] { return size_t{1} << 30; }).text, answer);
  EXPECT_EQ(read_in_pieces("hermes", answer, [] { return size_t{4096}; }).text, answer);
}

}  // namespace
}  // namespace lathe::infer
