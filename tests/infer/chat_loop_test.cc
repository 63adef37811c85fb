#include "infer/chat_loop.h"

#include <deque>

#include "tests/infer/mock_model.h"

namespace lathe::infer {
namespace {

using namespace testing;
using lathe::testing::take;

// A terminal made of strings; the model says "ok" to everything.
struct Terminal {
  tokenizer::Tokenizer tokenizer = chat_tokenizer();
  int32_t start = tokenizer.special_id(tokenizer::kAssistantStart),
          end = tokenizer.special_id(tokenizer::kAssistantEnd);
  std::string script = "ok";
  MockModel model{[this](int64_t, const std::vector<int32_t>& seen, std::span<float> logits) {
                    size_t begin = seen.size();
                    while (begin > 0 && seen[begin - 1] != start) --begin;
                    const size_t step = seen.size() - begin;
                    logits[static_cast<size_t>(step < script.size() ? static_cast<uint8_t>(script[step]) : end)] = 50;
                  },
                  tokenizer.vocab_size()};
  Engine engine{model, tokenizer};
  ChatSession session = take(ChatSession::make(engine, {}));
  std::deque<std::string> lines;
  std::string output;
  int64_t reads = 0;
  bool interrupted = false;

  Status run(const ChatLoopOptions& options = {}) {
    ChatConsole console;
    console.read_line = [this]() -> std::optional<std::string> {
      ++reads;
      if (lines.empty()) return std::nullopt;
      std::string line = lines.front();
      lines.pop_front();
      return line;
    };
    console.write = [this](std::string_view text) { output += text; };
    console.interrupted = [this] { return interrupted; };
    return run_chat_loop(session, console, options);
  }
};

// C-11.2
TEST(ChatLoop, ShowsHeaderPromptAndAnswer) {
  Terminal terminal;
  terminal.lines = {"hello", "quit"};
  ChatLoopOptions options;
  options.title = "Lathe chat";
  ASSERT_TRUE(terminal.run(options).ok());
  const std::string line(50, '-');
  EXPECT_EQ(terminal.output, "\nLathe chat\n" + line +
                                 "\nType \"quit\" or \"exit\" to leave\nType \"clear\" to start a new conversation\n" +
                                 line + "\n\nUser: \nAssistant: ok\n\nUser: Goodbye!\n");
}

// C-11.3
TEST(ChatLoop, WordsOfAnyCaseLeaveAndClear) {
  for (const char* word : {"quit", "exit", "QUIT", " Exit "}) {
    Terminal terminal;
    terminal.lines = {word, "never read"};
    ASSERT_TRUE(terminal.run().ok());
    EXPECT_EQ(terminal.lines.size(), 1u) << word;
    EXPECT_TRUE(terminal.output.ends_with("Goodbye!\n"));
  }
  Terminal terminal;
  terminal.lines = {"hello", "Clear"};
  ASSERT_TRUE(terminal.run().ok());
  EXPECT_EQ(terminal.session.history().size(), 1u);
  EXPECT_NE(terminal.output.find("Conversation cleared."), std::string::npos);
}

// C-11.3
TEST(ChatLoop, EmptyInputIsIgnoredAndEofLeavesCleanly) {
  Terminal terminal;
  terminal.lines = {"", "   "};
  ASSERT_TRUE(terminal.run().ok());
  EXPECT_TRUE(terminal.model.calls.empty());
  EXPECT_EQ(terminal.reads, 3);
  EXPECT_TRUE(terminal.output.ends_with("Goodbye!\n"));
}

// C-11.3
TEST(ChatLoop, AnInterruptEndsAnswerAndLoop) {
  Terminal terminal;
  terminal.script = std::string(200, 'a');
  terminal.lines = {"hello", "never read"};
  ChatConsole console;
  console.read_line = [&]() -> std::optional<std::string> {
    const std::string line = terminal.lines.front();
    terminal.lines.pop_front();
    return line;
  };
  int64_t letters = 0;
  console.write = [&](std::string_view text) { letters += text == "a"; };
  console.interrupted = [&] { return letters >= 5; };
  ASSERT_TRUE(run_chat_loop(terminal.session, console, {}).ok());
  EXPECT_EQ(letters, 5);
  EXPECT_EQ(terminal.lines.size(), 1u);
}

// C-11.3, C-11.6
TEST(ChatLoop, APromptIsAnsweredOnceWhateverItSays) {
  for (const char* prompt : {"clear", "quit", "Hello"}) {
    Terminal terminal;
    ChatLoopOptions options;
    options.prompt = prompt;
    ASSERT_TRUE(terminal.run(options).ok());
    EXPECT_EQ(terminal.reads, 0);
    EXPECT_TRUE(terminal.output.ends_with("Assistant: ok\n")) << terminal.output;
  }
}

TEST(ChatLoop, AnErrorIsShownAndTheLoopGoesOn) {
  Terminal terminal;
  terminal.lines = {std::string(700, 'x'), "hello"};
  ASSERT_TRUE(terminal.run().ok());
  EXPECT_NE(terminal.output.find("positions of the model"), std::string::npos);
  EXPECT_NE(terminal.output.find("Assistant: ok\n"), std::string::npos);
}

// L-10.9
TEST(ChatLoop, SaysWhenOldTurnsAreDropped) {
  Terminal terminal;  // a model trained on 64 positions
  terminal.lines = {std::string(20, 'a'), std::string(20, 'b'), "short"};
  ASSERT_TRUE(terminal.run().ok());
  EXPECT_NE(terminal.output.find("[the model's 64 positions are full: the oldest turn was dropped]"), std::string::npos) << terminal.output;
}

// C-11.3
TEST(ChatLoop, AForgivenInterruptEndsTheAnswerOnly) {
  Terminal terminal;
  terminal.script = std::string(200, 'a');
  ChatConsole console;
  terminal.lines = {"hello", "again"};
  console.read_line = [&]() -> std::optional<std::string> {
    if (terminal.lines.empty()) return std::nullopt;
    std::string line = terminal.lines.front();
    terminal.lines.pop_front();
    return line;
  };
  int64_t letters = 0, forgiven = 0;
  std::string said;
  console.write = [&](std::string_view text) { said += text; };
  console.answer = [&](std::optional<std::string_view> text) { letters += text == "a"; };
  console.interrupted = [&] { return letters >= 5; };
  console.forgive = [&] {
    ++forgiven;
    letters = 0;
    return true;
  };
  ASSERT_TRUE(run_chat_loop(terminal.session, console, {}).ok());
  EXPECT_EQ(forgiven, 2);
  EXPECT_TRUE(terminal.lines.empty());
  EXPECT_TRUE(said.ends_with("Goodbye!\n"));
}

TEST(ChatLoop, SlashCommandsAreRunAndNotSent) {
  Terminal terminal;
  terminal.lines = {"/max 1", "/nothing", "hello", "/regenerate", " /sent", "/quit", "never read"};
  ASSERT_TRUE(terminal.run().ok());
  EXPECT_EQ(terminal.lines.size(), 1u);
  EXPECT_NE(terminal.output.find("Max set to 1\n"), std::string::npos);
  EXPECT_NE(terminal.output.find("Unknown command: /nothing"), std::string::npos);
  EXPECT_EQ(terminal.session.turns(), 2);
  EXPECT_EQ(terminal.session.messages()[2].text, "/sent");
}

TEST(ChatLoop, TheAnswerAloneIsWrittenWhereThatIsWanted) {
  Terminal terminal;
  ChatLoopOptions options;
  options.prompt = "/help";
  options.answer_only = true;
  ASSERT_TRUE(terminal.run(options).ok());
  EXPECT_EQ(terminal.output, "ok\n");
}

TEST(ChatLoop, ModelTextCannotSteerTheTerminal) {
  EXPECT_EQ(printable_text("a\x1b[2Jb\x07\r\n\tc\xC2\x9Bm\x7F \xC3\xA9"), "a[2Jb\n\tcm \xC3\xA9");
}

}  // namespace
}  // namespace lathe::infer
