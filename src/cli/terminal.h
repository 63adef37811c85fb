// A terminal with a person at it: reads texts with a LineEditor, knows its size and whether it shows colours.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "cli/line_editor.h"

namespace lathe::cli {

// Both are terminals, and TERM is not "dumb": keys can be read one by one and the cursor be moved.
bool is_interactive(int in, int out);
// A terminal that shows colours and nobody has said NO_COLOR (no-color.org).
bool shows_colours(int out);
// The text, without control characters where a terminal would obey them: what models and programs of models write is not trusted.
std::string safe_for(int out, std::string_view text);

class Terminal {
 public:
  Terminal(int in, int out) : in_(in), out_(out) {}

  // One text, edited behind `prompt`, which stands on the screen already or not. Nothing when the person leaves, the terminal is gone
  // or stop() says so (asked a few times a second). The terminal's mode is as before when it returns.
  std::optional<std::string> read(LineEditor& editor, const std::string& prompt, const std::function<bool()>& stop);
  void write(std::string_view text);
  ScreenSize size() const;

 private:
  int in_, out_;
};

}  // namespace lathe::cli
