#include "cli/terminal.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "core/environment.h"
#include "infer/chat_loop.h"

namespace lathe::cli {
namespace {

constexpr int kIdleMilliseconds = 100;
constexpr std::string_view kPasteOn = "\x1b[?2004h", kPasteOff = "\x1b[?2004l";

// Keys come one by one, unechoed, Ctrl-C among them; several pasted lines come between marks.
class KeyMode {
 public:
  KeyMode(Terminal& terminal, int in) : terminal_(terminal), in_(in), held_(tcgetattr(in, &former_) == 0) { on(); }
  ~KeyMode() { off(); }
  KeyMode(const KeyMode&) = delete;
  KeyMode& operator=(const KeyMode&) = delete;
  void on() {
    if (!held_) return;
    termios keys = former_;
    keys.c_iflag &= ~static_cast<tcflag_t>(BRKINT | ICRNL | INLCR | IGNCR | INPCK | ISTRIP | IXON);
    keys.c_lflag &= ~static_cast<tcflag_t>(ECHO | ICANON | IEXTEN | ISIG);
    keys.c_cc[VMIN] = 1;
    keys.c_cc[VTIME] = 0;
    tcsetattr(in_, TCSADRAIN, &keys);
    terminal_.write(kPasteOn);
  }
  void off() {
    if (!held_) return;
    terminal_.write(kPasteOff);
    tcsetattr(in_, TCSADRAIN, &former_);
  }

 private:
  Terminal& terminal_;
  int in_;
  termios former_{};
  bool held_;
};

bool moves_cursor() {
  const std::string term = environment("TERM");
  return !term.empty() && term != "dumb";
}

}  // namespace

bool is_interactive(int in, int out) { return isatty(in) != 0 && isatty(out) != 0 && moves_cursor(); }
bool shows_colours(int out) { return isatty(out) != 0 && moves_cursor() && environment("NO_COLOR").empty(); }
std::string safe_for(int out, std::string_view text) { return isatty(out) != 0 ? infer::printable_text(text) : std::string(text); }

ScreenSize Terminal::size() const {
  winsize window{};
  if (ioctl(out_, TIOCGWINSZ, &window) != 0 || window.ws_col == 0 || window.ws_row == 0) return {};
  return {window.ws_col, window.ws_row};
}

void Terminal::write(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(out_, text.data(), text.size());
    if (written < 0 && errno != EINTR) return;
    if (written > 0) text.remove_prefix(static_cast<size_t>(written));
  }
}

std::optional<std::string> Terminal::read(LineEditor& editor, const std::string& prompt, const std::function<bool()>& stop) {
  KeyMode keys(*this, in_);
  editor.begin(prompt, size());
  while (!stop()) {
    // Drawn when no more keys wait: a long text that is pasted without marks would be drawn once for each of its bytes.
    pollfd ready{in_, POLLIN, 0};
    int count = poll(&ready, 1, 0);
    if (count == 0) {
      write(editor.take_screen());
      count = poll(&ready, 1, kIdleMilliseconds);
      editor.resize(size());
      if (count == 0) editor.idle();
    }
    if (count <= 0) continue;
    char byte = 0;
    const ssize_t got = ::read(in_, &byte, 1);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return std::nullopt;
    switch (editor.feed(byte)) {
      case LineEditor::Event::kNone: break;
      case LineEditor::Event::kText: write(editor.take_screen()); return editor.take_text();
      case LineEditor::Event::kLeave: return std::nullopt;
      case LineEditor::Event::kSuspend:
        keys.off();
        std::raise(SIGTSTP);
        keys.on();
        editor.draw_anew();
        break;
    }
  }
  return std::nullopt;
}

}  // namespace lathe::cli
