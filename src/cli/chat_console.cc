#include "cli/chat_console.h"

#include <csignal>

#include "cli/markdown_painter.h"
#include "core/log.h"
#include "core/signals.h"

namespace lathe::cli {

infer::ChatConsole terminal_console(int in, int out, LineHistory& history) {
  struct Held {
    Held(int in, int out, LineHistory& history) : terminal(in, out), editor(history, infer::chat_command_names()), history(history), colours(shows_colours(out)) {}
    Terminal terminal;
    LineEditor editor;
    LineHistory& history;
    MarkdownPainter painter;
    bool colours;
  };
  const auto held = std::make_shared<Held>(in, out, history);
  infer::ChatConsole console;
  console.read_line = [held]() -> std::optional<std::string> {
    std::optional<std::string> text = held->terminal.read(held->editor, "User: ", StopSignals::requested);
    if (text)
      if (const Status status = held->history.add(*text); !status.ok()) log_debug("chat", status.error().to_string());
    return text;
  };
  console.write = [held](std::string_view text) { held->terminal.write(text); };
  console.answer = [held](std::optional<std::string_view> piece) {
    if (!held->colours) held->terminal.write(piece.value_or(""));
    else held->terminal.write(piece ? held->painter.push(*piece) : held->painter.flush());
  };
  console.interrupted = StopSignals::requested;
  console.forgive = [] {
    if (StopSignals::signal_number() != SIGINT) return false;
    StopSignals::forget();
    return true;
  };
  return console;
}

}  // namespace lathe::cli
