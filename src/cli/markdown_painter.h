// Markdown as it streams in, painted for a terminal: headings, emphasis, code, lists, quotes and fences get colours, tables stay as
// they are, tool calls are dim. Marks that turn out to be none ("2 * 3") are shown as they came; no other character is lost.
#pragma once

#include <string>
#include <string_view>

namespace lathe::cli {

// The text must be free of control characters (infer::printable_text). A piece is held back only while it is open what its first
// characters mean: a few at the beginning of a line, and from a mark of emphasis or code to its end, at most kLongestSpan bytes.
class MarkdownPainter {
 public:
  static constexpr size_t kLongestSpan = 160;

  std::string push(std::string_view piece);
  // The end of the text: what was held back, and the plain style again. The painter is then as new.
  std::string flush();

 private:
  enum class Line { kBegin, kText, kHeading, kAsIs, kCode };
  std::string paint(bool last);
  bool begin_line(std::string& out, bool last);  // false: more is needed
  bool inline_step(std::string& out, bool last);
  void end_line(std::string& out);
  // A tool's mark at the beginning of held_: its length, or 0; maybe: it may become one.
  size_t tool_mark(const char** shown, bool* opens, bool* maybe) const;

  std::string held_;
  std::string base_;      // style of the line
  char before_ = '\n';    // the character before held_
  Line line_ = Line::kBegin;
  bool fenced_ = false, tool_ = false;
  std::string fence_;     // what closes it
};

}  // namespace lathe::cli
