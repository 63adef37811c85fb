#include "tasks/tool_machine.h"

#include "tests/ref/testing.h"

namespace lathe::tasks {
namespace {

// Bytes as tokens; the special tokens of row C-10.23 behind them.
constexpr ToolTokens kTokens{261, 260, 256, 257, 258, 259};

ToolText byte_text() {
  return {[](const std::vector<int32_t>& ids) {
            std::string out;
            for (const int32_t id : ids) out += id < 256 ? std::string(1, static_cast<char>(id)) : "<|special|>";
            return out;
          },
          [](std::string_view text) { return std::vector<int32_t>(text.begin(), text.end()); }};
}

struct Transcript {
  std::string text;  // special tokens as [ ] ( ) $ ^
  std::string mask;
};

// Script letters: [ python_start, ] python_end, $ assistant_end, ^ bos, anything else is its byte.
Transcript play(std::string_view script, size_t steps = 0) {
  ToolMachine machine(kTokens, byte_text());
  Transcript out;
  const std::string special = "[]{}$^";  // 256..261
  for (size_t i = 0; i < std::max(steps, script.size()); ++i) {
    const char c = i < script.size() ? script[i] : '$';
    const size_t at = special.find(c);
    const auto step = machine.advance(at == std::string::npos ? c : static_cast<int32_t>(256 + at));
    out.text += step.token < 256 ? static_cast<char>(step.token) : special[static_cast<size_t>(step.token - 256)];
    out.mask += step.sampled ? '1' : '0';
  }
  return out;
}

// C-10.10
TEST(ToolMachine, ResultReplacesTheDrawsOfItsSteps) {
  const Transcript t = play("[6*7]abcdef");
  EXPECT_EQ(t.text, "[6*7]{42}ef");
  EXPECT_EQ(t.mask, "11111000011");
}

// C-10.11
TEST(ToolMachine, NestedStartRestartsAndStrayEndIsOrdinary) {
  EXPECT_EQ(play("[1+[2*3]....").text, "[1+[2*3]{6}.");
  EXPECT_EQ(play("]1+1]....").text, "]1+1]....");
  EXPECT_EQ(play("[]....").text, "[]....");
  EXPECT_EQ(play("[1/0]....").text, "[1/0]....");
}

// C-10.11
TEST(ToolMachine, ForcedTokensPassThroughTheMachine) {
  // An encoder that answers with another tool call: the forced block is evaluated as well.
  ToolMachine machine(kTokens, {byte_text().decode, [](std::string_view text) {
                                  std::vector<int32_t> ids(text.begin(), text.end());
                                  if (text == "2") ids = {256, '3', '+', '4', 257};
                                  return ids;
                                }});
  std::vector<int32_t> taken;
  for (const int32_t drawn : {256, int32_t{'1'}, int32_t{'+'}, int32_t{'1'}, 257}) machine.advance(drawn);
  while (machine.forcing()) taken.push_back(machine.advance('x').token);
  EXPECT_EQ(taken, (std::vector<int32_t>{258, 256, '3', '+', '4', 257, 259, 258, '7', 259}));
}

// C-10.8, C-10.10
TEST(ToolMachine, EndTokensCompleteTheRowAlsoInsideABlock) {
  for (const int32_t end : {kTokens.assistant_end, kTokens.bos}) {
    ToolMachine machine(kTokens, byte_text());
    machine.advance(256);
    machine.advance('1');
    EXPECT_FALSE(machine.completed());
    machine.advance(end);
    EXPECT_TRUE(machine.completed());
    machine.advance('x');  // a completed row goes on being fed
    EXPECT_TRUE(machine.completed());
  }
}

// C-10.27
TEST(ToolMachine, SpecialTokensInsideABlockGiveNoResult) {
  EXPECT_EQ(play("[1+1$]....").text, "[1+1$]....");
  EXPECT_EQ(play("[1^]....").text, "[1^]....");
}

}  // namespace
}  // namespace lathe::tasks
