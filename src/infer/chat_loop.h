// The conversation on a terminal, free of any terminal (rows C-11.2, C-11.3, C-11.6): lines come from and text goes to
// functions.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "core/clock.h"
#include "infer/chat_commands.h"

namespace lathe::infer {

struct ChatConsole {
  std::function<std::optional<std::string>()> read_line;     // the next text without its end, perhaps of several lines; nothing at EOF or Ctrl-C
  std::function<void(std::string_view)> write;               // shown at once (no buffering)
  std::function<bool()> interrupted = [] { return false; };  // Ctrl-C: ends the answer under way and, unless forgiven, the loop
  // After an interrupted answer. True: interrupted() is false again and the loop goes on.
  std::function<bool()> forgive = [] { return false; };
  // The model's text where it is shown otherwise than by write; it is printable_text. Called with nothing at the end of each answer.
  std::function<void(std::optional<std::string_view>)> answer;
};

struct ChatLoopOptions {
  std::string title = "Chat";
  std::string prompt;        // not empty: answer this one text, whatever it is, and leave (the mended row C-11.3)
  bool answer_only = false;  // with prompt: the answer and a line feed, nothing else
  bool commands = true;      // lines that begin with '/' are run_chat_command's
};

// Returns an error only with options.prompt; in a conversation errors are shown and the loop goes on.
Status run_chat_loop(ChatSession& session, const ChatConsole& console, const ChatLoopOptions& options, const Clock& clock = Clock::real());

// Control characters other than tab and line feed removed: what a model says must not steer a terminal.
std::string printable_text(std::string_view text);

}  // namespace lathe::infer
