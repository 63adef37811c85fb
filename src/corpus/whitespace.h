// Control characters, line ends and runs of blanks, in one walk (L-2.10). Blanks are the space, the tab and Unicode's
// space separators; line ends are LF, CR, CR LF, VT, FF, NEL, LS and PS.
//
// What stands between two visible characters is one run: with a line end in it, it becomes one or two LF and what
// indents the next line; without, a single blank stays what it is and several become one space. At the two ends of the
// text nothing remains.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace lathe::corpus {

struct WhitespaceSteps {
  bool control_characters = true;  // U+0000..001F, U+007F..009F but for line ends and tab, and U+FEFF
  bool line_ends = true;           // as LF
  bool blanks = true;              // runs, ends of lines and of the text
  bool blank_lines = true;         // at most one in a row
};

struct WhitespaceCounts {
  int64_t control_characters = 0;
  int64_t line_ends = 0;
  int64_t blank_runs = 0;
  bool any() const { return control_characters + line_ends + blank_runs > 0; }
};

// `text` is valid UTF-8 and does not lie in `out`; `out` is written only when something was found.
WhitespaceCounts clean_whitespace(std::string_view text, const WhitespaceSteps& steps, std::string& out);

}  // namespace lathe::corpus
