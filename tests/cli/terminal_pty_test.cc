// A person at a real pseudo-terminal: keys in, screen out, Ctrl-C as a signal.
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "cli/chat_console.h"
#include "cli/terminal.h"
#include "core/signals.h"
#include "tests/infer/mock_model.h"

namespace lathe::cli {
namespace {

using namespace infer::testing;
using lathe::testing::take;

// `lathe chat` over a model that says *hi* to everything, and "aaaa..." to what ends in '?'.
int chat_child(const fs::path& history_file) {
  setenv("TERM", "xterm", 1);
  unsetenv("NO_COLOR");
  tokenizer::Tokenizer tokenizer = chat_tokenizer();
  const int32_t start = tokenizer.special_id(tokenizer::kAssistantStart), end = tokenizer.special_id(tokenizer::kAssistantEnd);
  MockModel model(
      [&](int64_t, const std::vector<int32_t>& seen, std::span<float> logits) {
        size_t begin = seen.size();
        while (seen[begin - 1] != start) --begin;
        const size_t step = seen.size() - begin;
        const std::string script = seen[begin - 3] == '?' ? std::string(500, 'a') : "*hi*";
        if (script[0] == 'a') usleep(20000);  // ten seconds, if nobody stops it
        logits[static_cast<size_t>(step < script.size() ? script[step] : end)] = 50;
      },
      tokenizer.vocab_size());
  infer::Engine engine(model, tokenizer);
  infer::ChatSession session = take(infer::ChatSession::make(engine, {}));
  const StopSignals signals;
  LineHistory history;
  if (!history.open(history_file).ok() || !is_interactive(0, 1)) return 9;
  return infer::run_chat_loop(session, terminal_console(0, 1, history), {}).ok() ? 0 : 8;
}

class Person {
 public:
  explicit Person(const fs::path& history) {
    winsize size{24, 80, 0, 0};
    child_ = forkpty(&terminal_, nullptr, nullptr, &size);
    if (child_ == 0) _exit(chat_child(history));
  }
  ~Person() {
    if (terminal_ >= 0) close(terminal_);
    if (!left_) kill(child_, SIGKILL), waitpid(child_, nullptr, 0);
  }
  void type(std::string_view keys) { ASSERT_EQ(write(terminal_, keys.data(), keys.size()), static_cast<ssize_t>(keys.size())); }
  // Reads until `text` has come since the last call.
  bool sees(std::string_view text) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(120);
    while (seen_.find(text) == std::string::npos) {
      pollfd ready{terminal_, POLLIN, 0};
      char bytes[4096];
      if (std::chrono::steady_clock::now() > end) return false;
      if (poll(&ready, 1, 100) <= 0) continue;
      const ssize_t got = read(terminal_, bytes, sizeof bytes);
      if (got <= 0) return false;
      seen_.append(bytes, static_cast<size_t>(got));
      bytes_ += got;
    }
    seen_.erase(0, seen_.find(text) + text.size());
    return true;
  }
  int exit_status() {
    int status = -1;
    waitpid(child_, &status, 0);
    left_ = true;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
  }
  const std::string& rest() const { return seen_; }
  int64_t bytes() const { return bytes_; }  // that the screen has got

 private:
  pid_t child_ = -1;
  int terminal_ = -1;
  bool left_ = false;
  int64_t bytes_ = 0;
  std::string seen_;
};

// C-11.3
TEST(TerminalPty, CtrlCStopsTheAnswerAndNotTheProgram) {
  const TemporaryFolder folder;
  Person person(folder.path() / "history");
  ASSERT_TRUE(person.sees("User: \x1b[?2004h"));
  person.type("hello\r");
  ASSERT_TRUE(person.sees("Assistant: \x1b[3mhi\x1b[0m")) << person.rest();
  ASSERT_TRUE(person.sees("\x1b[?2004h"));
  person.type("long?\r");
  ASSERT_TRUE(person.sees("aaaaaaaa"));
  person.type("\x03");
  ASSERT_TRUE(person.sees("User: \x1b[?2004h"));
  EXPECT_LT(person.rest().size(), 400u);
  person.type("again\r");
  ASSERT_TRUE(person.sees("Assistant: \x1b[3mhi\x1b[0m")) << person.rest();
  ASSERT_TRUE(person.sees("\x1b[?2004h"));
  person.type("\x1b[200~two\rlines\x1b[201~\r");
  ASSERT_TRUE(person.sees("Assistant: "));
  ASSERT_TRUE(person.sees("\x1b[?2004h"));
  person.type("/nonsense\r");
  ASSERT_TRUE(person.sees("Unknown command: /nonsense"));
  ASSERT_TRUE(person.sees("\x1b[?2004h"));
  person.type("\x04");
  ASSERT_TRUE(person.sees("Goodbye!"));
  EXPECT_EQ(person.exit_status(), 0);
  EXPECT_EQ(take(read_file(folder.path() / "history")), "hello\nlong?\nagain\ntwo\\nlines\n/nonsense\n");
}

// C-11.3
TEST(TerminalPty, CtrlCTwiceAtThePromptLeaves) {
  const TemporaryFolder folder;
  Person person(folder.path() / "history");
  ASSERT_TRUE(person.sees("\x1b[?2004h"));
  person.type("half a line\x03");
  ASSERT_TRUE(person.sees("(Ctrl-C again leaves)"));
  person.type("\x03");
  ASSERT_TRUE(person.sees("Goodbye!"));
  EXPECT_EQ(person.exit_status(), 0);
}

// Drawn once for each byte it would take minutes, and write gigabytes.
TEST(TerminalPty, ALongTextWithoutMarksIsDrawnAFewTimes) {
  const TemporaryFolder folder;
  Person person(folder.path() / "history");
  ASSERT_TRUE(person.sees("User: \x1b[?2004h"));
  std::thread keys([&] {
    for (int i = 0; i < 20; ++i) person.type(std::string(1500, 'x'));
    person.type("END\r");
  });
  EXPECT_TRUE(person.sees("Assistant: "));
  keys.join();
  EXPECT_LT(person.bytes(), 30000 * 400) << "of a screen of 24 x 80, for 30,000 keys";
}

// What a model or its program writes may hold sequences that a terminal obeys.
TEST(Terminal, TextIsMadeSafeForATerminalAlone) {
  int terminal = -1, person = -1;
  ASSERT_EQ(openpty(&terminal, &person, nullptr, nullptr, nullptr), 0);
  EXPECT_EQ(safe_for(person, "a\x1b[2Jb\tc\n"), "a[2Jb\tc\n");
  close(terminal), close(person);
  const int pipe = ::open("/dev/null", O_WRONLY);
  EXPECT_EQ(safe_for(pipe, "a\x1b[2Jb"), "a\x1b[2Jb");
  close(pipe);
}

}  // namespace
}  // namespace lathe::cli
