// The conversation on a terminal, free of any terminal (rows C-11.2, C-11.3, C-11.6): lines come from and text goes to
// two functions.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "infer/chat_session.h"

namespace lathe::infer {

struct ChatConsole {
  std::function<std::optional<std::string>()> read_line;     // the next line without its end; nothing at EOF or Ctrl-C
  std::function<void(std::string_view)> write;               // shown at once (no buffering)
  std::function<bool()> interrupted = [] { return false; };  // Ctrl-C: ends the answer under way and the loop
};

struct ChatLoopOptions {
  std::string title = "Chat";
  std::string prompt;  // not empty: answer this one text, whatever it is, and leave (the mended row C-11.3)
};

// Returns an error only with options.prompt; in a conversation errors are shown and the loop goes on.
Status run_chat_loop(ChatSession& session, const ChatConsole& console, const ChatLoopOptions& options);

// Control characters other than tab and line feed removed: what a model says must not steer a terminal.
std::string printable_text(std::string_view text);

}  // namespace lathe::infer
