#include "cli/markdown_painter.h"

#include <algorithm>
#include <array>
#include <cctype>

namespace lathe::cli {
namespace {

constexpr const char* kPlain = "\x1b[0m";
constexpr const char* kBold = "\x1b[1m";
constexpr const char* kDim = "\x1b[2m";
constexpr const char* kItalic = "\x1b[3m";
constexpr const char* kStruck = "\x1b[9m";
constexpr const char* kHeading = "\x1b[1;36m";
constexpr const char* kCode = "\x1b[33m";
constexpr const char* kMark = "\x1b[36m";

// Marks of tool calls: the built-in calculator's, shown as in `lathe preview`, and those of the common templates.
struct ToolMark {
  std::string_view mark;
  const char* shown;
  bool opens, closes;
};
constexpr std::array<ToolMark, 6> kToolMarks = {{{"<|python_start|>", "<<", true, false},
                                                 {"<|python_end|>", "", false, false},
                                                 {"<|output_start|>", "=", true, false},
                                                 {"<|output_end|>", ">>", false, true},
                                                 {"<tool_call>", "<tool_call>", true, false},
                                                 {"</tool_call>", "</tool_call>", false, true}}};

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n'; }
bool is_word(char c) { return static_cast<uint8_t>(c) >= 0x80 || std::isalnum(static_cast<unsigned char>(c)); }

size_t run_length(std::string_view text, size_t at) {
  size_t end = at;
  while (end < text.size() && text[end] == text[at]) ++end;
  return end - at;
}

// Where a span that opened with `mark` closes; npos: not in this text. A closing mark stands behind no blank. whole: no more comes.
size_t closing(std::string_view text, size_t from, std::string_view mark, bool whole) {
  for (size_t at = from; at < text.size();) {
    if (text[at] != mark[0]) {
      if (text[at] == '`' && mark[0] != '`') {  // code hides marks
        const size_t ticks = run_length(text, at);
        const size_t end = closing(text, at + ticks, std::string_view("````````").substr(0, std::min<size_t>(ticks, 8)), whole);
        if (!whole && (end == std::string_view::npos || end + ticks == text.size())) return std::string_view::npos;  // what it hides is open
        at = end == std::string_view::npos ? at + ticks : end + ticks;
      } else {
        ++at;
      }
      continue;
    }
    const size_t run = run_length(text, at);
    const bool follows_text = at > from && (mark[0] == '`' || !is_space(text[at - 1]));
    const bool ends_word = mark[0] != '_' || at + run >= text.size() || !is_word(text[at + run]);
    if (mark[0] == '`' ? run == mark.size() : run >= mark.size() && follows_text && ends_word && (mark.size() == 2 || run != 2)) return at + (mark[0] == '`' ? 0 : run - mark.size());
    at += run;
  }
  return std::string_view::npos;
}

// Spans inside a whole span; `style` is what surrounds it.
std::string painted_span(std::string_view text, const std::string& style) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const char c = text[at];
    const size_t run = c == '*' || c == '_' || c == '`' || c == '~' ? run_length(text, at) : 0;
    const std::string_view mark = text.substr(at, c == '`' ? run : std::min<size_t>(run, 2));
    const bool opens = run > 0 && (c != '~' || run == 2) && at + run < text.size() && !is_space(text[at + run]) && (c != '_' || at == 0 || !is_word(text[at - 1]));
    const size_t end = opens ? closing(text, at + mark.size(), mark, true) : std::string_view::npos;
    if (end == std::string_view::npos) {
      out.append(text.substr(at, std::max<size_t>(run, 1)));
      at += std::max<size_t>(run, 1);
      continue;
    }
    const std::string_view inside = text.substr(at + mark.size(), end - at - mark.size());
    const std::string own = c == '`' ? kCode : c == '~' ? kStruck : mark.size() == 2 ? kBold : kItalic;
    out += own + (c == '`' ? std::string(inside) : painted_span(inside, style + own)) + kPlain + style;
    at = end + mark.size();
  }
  return out;
}

}  // namespace

std::string MarkdownPainter::push(std::string_view piece) {
  held_ += piece;
  return paint(false);
}

std::string MarkdownPainter::flush() {
  std::string out = paint(true);
  if (!base_.empty() || tool_) out += kPlain;
  *this = {};
  return out;
}

std::string MarkdownPainter::paint(bool last) {
  std::string out;
  while (!held_.empty())
    if (!(line_ == Line::kBegin ? begin_line(out, last) : inline_step(out, last))) break;
  return out;
}

void MarkdownPainter::end_line(std::string& out) {
  if (!base_.empty()) out += kPlain;
  base_.clear();
  out += '\n';
  before_ = '\n';
  line_ = Line::kBegin;
}

bool MarkdownPainter::begin_line(std::string& out, bool last) {
  // Never decided by more than kLongestSpan bytes, so that the sizes of the pieces change nothing.
  const size_t line_end = std::min({held_.find('\n'), held_.size(), kLongestSpan});
  const bool whole = last || line_end < held_.size();
  const std::string_view line = std::string_view(held_).substr(0, line_end);
  const size_t indent = std::min(line.find_first_not_of(" \t"), line.size());
  if (indent == line.size() && !whole) return false;
  const std::string_view rest = line.substr(indent);
  const char c = rest.empty() ? '\n' : rest[0];
  const size_t run = rest.empty() ? 0 : run_length(rest, 0);
  const auto take = [&](size_t bytes) { held_.erase(0, bytes); };
  const auto as = [&](Line kind, const char* style) {
    line_ = kind;
    base_ = style;
    out += style;
    return true;
  };

  if (fenced_ || ((c == '`' || c == '~') && run >= 3)) {
    // The whole line is needed where it may open or close a fence.
    const bool may_close = c == (fence_.empty() ? c : fence_[0]) && (run == rest.size() || run >= 3);
    if (may_close && !whole) return false;
    const bool closes = fenced_ && may_close && run >= fence_.size() && rest.substr(run).find_first_not_of(" \t") == std::string_view::npos;
    const bool opens = !fenced_ && (c == '~' || rest.substr(run).find('`') == std::string_view::npos);
    if (closes) fenced_ = false, fence_.clear();
    else if (opens) fenced_ = true, fence_ = std::string(rest.substr(0, run));
    if (opens || closes) return as(Line::kAsIs, kDim);
    if (fenced_) return as(Line::kCode, kCode);
  }
  if ((c == '`' || c == '~') && run == rest.size() && run < 3 && !whole) return false;
  if (c == '#' && run <= 6) {
    if (run == rest.size() && !whole) return false;
    if (run < rest.size() && rest[run] == ' ') return as(Line::kHeading, kHeading);
  }
  if (c == '|') return as(Line::kAsIs, "");
  if (c == '>') {
    take(indent + 1);
    out += std::string(indent, ' ') + kMark + "|" + kPlain;
    before_ = ' ';
    return as(Line::kText, kDim);
  }
  if (c == '-' || c == '*' || c == '_' || c == '+') {
    const size_t ruler = std::min(rest.find_first_not_of(std::string{c, ' '}), rest.size());
    const bool item = run == 1 && c != '_' && rest.size() > 1 && rest[1] == ' ';
    if (ruler == rest.size() && !whole) return false;
    if (ruler == rest.size() && c != '+' && std::count(rest.begin(), rest.end(), c) >= 3) return as(Line::kAsIs, kDim);
    if (item) {
      out += std::string(line.substr(0, indent)) + kMark + (c == '+' ? "+" : "\xE2\x80\xA2") + kPlain;
      take(indent + 1);
      before_ = ' ';
      return as(Line::kText, "");
    }
  }
  if (std::isdigit(static_cast<unsigned char>(c))) {
    const size_t digits = std::min(rest.find_first_not_of("0123456789"), rest.size());
    if (digits <= 9 && rest.size() < digits + 2 && !whole) return false;
    if (digits <= 9 && rest.size() >= digits + 2 && (rest[digits] == '.' || rest[digits] == ')') && rest[digits + 1] == ' ') {
      out += std::string(line.substr(0, indent)) + kMark + std::string(rest.substr(0, digits + 1)) + kPlain;
      before_ = ' ';
      take(indent + digits + 1);
      return as(Line::kText, "");
    }
  }
  return as(Line::kText, "");
}

size_t MarkdownPainter::tool_mark(const char** shown, bool* opens, bool* maybe) const {
  for (const ToolMark& mark : kToolMarks) {
    if (held_.starts_with(mark.mark)) {
      *shown = mark.shown;
      *opens = !mark.closes;
      return mark.mark.size();
    }
    *maybe = *maybe || mark.mark.starts_with(held_);
  }
  return 0;
}

bool MarkdownPainter::inline_step(std::string& out, bool last) {
  const char c = held_[0];
  if (c == '\n') {
    held_.erase(0, 1);
    end_line(out);
    if (tool_) out += kDim;
    return true;
  }
  if (c == '<') {
    const char* shown = "";
    bool opens = false, maybe = false;
    if (const size_t length = tool_mark(&shown, &opens, &maybe); length > 0) {
      held_.erase(0, length);
      if (!tool_) out += kDim;
      out += shown;
      tool_ = opens;
      if (!tool_) out += kPlain + base_;
      before_ = ' ';
      return true;
    }
    if (maybe && !last) return false;
  }
  const bool marks = line_ == Line::kText || line_ == Line::kHeading;
  if (marks && !tool_ && (c == '*' || c == '_' || c == '`' || c == '~')) {
    const size_t line_end = std::min({held_.find('\n'), held_.size(), kLongestSpan});
    const bool whole = last || line_end < held_.size();
    const std::string_view line = std::string_view(held_).substr(0, line_end);
    const size_t run = run_length(line, 0);
    if (run == line.size() && !whole) return false;
    const bool opens = run < line.size() && (c == '`' || !is_space(line[run])) && (c != '_' || !is_word(before_)) && (c != '~' || run == 2);
    const std::string_view mark = line.substr(0, c == '`' ? run : std::min<size_t>(run, 2));
    size_t end = opens ? closing(line, mark.size(), mark, whole) : std::string_view::npos;
    // A closing run at the end of what has come may still grow.
    if (end != std::string_view::npos && end + run_length(line, end) == line.size() && !whole) return false;
    if (opens && end == std::string_view::npos && !whole) return false;
    const size_t taken = end == std::string_view::npos ? run : end + mark.size();
    out += end == std::string_view::npos ? std::string(line.substr(0, run)) : painted_span(line.substr(0, taken), base_);
    before_ = held_[taken - 1];
    held_.erase(0, taken);
    return true;
  }
  if (c == '\\' && marks && !tool_) {  // an escaped mark is itself
    if (held_.size() == 1 && !last) return false;
    const bool escapes = held_.size() > 1 && std::string_view("*_`~#|").find(held_[1]) != std::string_view::npos;
    out += escapes ? held_.substr(1, 1) : held_.substr(0, 1);
    before_ = 'x';
    held_.erase(0, escapes ? 2 : 1);
    return true;
  }
  const size_t stop = std::min(held_.find_first_of(marks && !tool_ ? "\n<*_`~\\" : "\n<", 1), held_.size());
  out += held_.substr(0, stop);
  before_ = held_[stop - 1];
  held_.erase(0, stop);
  return true;
}

}  // namespace lathe::cli
