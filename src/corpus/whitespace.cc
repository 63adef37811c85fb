#include "corpus/whitespace.h"

#include <bit>
#include <cstring>

#include "corpus/code_points.h"

namespace lathe::corpus {
namespace {

enum class Kind { kOther, kBlank, kLineEnd, kControl };

struct Unit {
  Kind kind;
  size_t length;
};

Kind kind_of(char32_t c) {
  if (c == ' ' || c == '\t') return Kind::kBlank;
  if ((c >= 0x0A && c <= 0x0D) || c == 0x85 || c == 0x2028 || c == 0x2029) return Kind::kLineEnd;
  if (c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0xFEFF) return Kind::kControl;
  if (c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x202F || c == 0x205F || c == 0x3000)
    return Kind::kBlank;
  return Kind::kOther;
}

Unit unit_at(std::string_view text, size_t at) {
  size_t end = at;
  const char32_t c = next_code_point(text, end);
  if (c == '\r' && end < text.size() && text[end] == '\n') ++end;
  return {kind_of(c), end - at};
}

// Sixteen bytes at once; comparisons give 0xFF where they hold.
typedef uint8_t Bytes __attribute__((vector_size(16)));
static_assert(std::endian::native == std::endian::little);

Bytes load(const char* from) {
  Bytes bytes;
  std::memcpy(&bytes, from, sizeof bytes);
  return bytes;
}

// Bytes that can open a unit of another kind than kOther.
template <class B>
auto opens(B b) {
  return (b <= 0x20) | (b == 0x7F) | (b == 0xC2) | (b == 0xE1) | (b == 0xE2) | (b == 0xE3) | (b == 0xEF);
}

// Where something may have to be done at or after `at`: at a byte that can open a unit, but for a lone space or line
// end between two that can not, which is nearly all there is. The size when nowhere.
size_t next_finding(std::string_view text, size_t at) {
  if (at == 0 && !text.empty() && opens(byte_at(text, 0))) return 0;
  for (; at + sizeof(Bytes) < text.size(); at += sizeof(Bytes)) {
    const Bytes here = load(text.data() + at), next = load(text.data() + at + 1);
    const Bytes lone = Bytes((here == ' ') | (here == '\n'));
    const Bytes found = Bytes(opens(here)) & (~lone | Bytes(opens(next)));
    uint64_t halves[2];
    std::memcpy(halves, &found, sizeof halves);
    if (halves[0] != 0) return at + static_cast<size_t>(std::countr_zero(halves[0])) / 8;
    if (halves[1] != 0) return at + 8 + static_cast<size_t>(std::countr_zero(halves[1])) / 8;
  }
  for (; at < text.size(); ++at) {
    if (!opens(byte_at(text, at))) continue;
    const bool lone = (text[at] == ' ' || text[at] == '\n') && at + 1 < text.size() && !opens(byte_at(text, at + 1));
    if (!lone) return at;
  }
  return at;
}

class Walk {
 public:
  Walk(std::string_view text, const WhitespaceSteps& steps, std::string& out) : text_(text), steps_(steps), out_(out) {}

  WhitespaceCounts run() {
    for (size_t at = next_finding(text_, 0); at < text_.size(); at = next_finding(text_, at)) at = run_from(at);
    if (counts_.any()) out_.append(text_.substr(copied_));
    return counts_;
  }

 private:
  // Handles the run of blanks, line ends and control characters at `begin`; returns its end.
  size_t run_from(size_t begin) {
    size_t end = begin;
    int64_t controls = 0, strange_ends = 0;
    run_.clear();
    blanks_.clear();
    int64_t lines = 0;
    size_t blanks = 0;  // since the last line end
    while (end < text_.size()) {
      const Unit unit = unit_at(text_, end);
      const std::string_view bytes = text_.substr(end, unit.length);
      if (unit.kind == Kind::kOther) break;
      end += unit.length;
      if (unit.kind == Kind::kControl) {
        if (!steps_.control_characters) {
          end -= unit.length;
          break;
        }
        ++controls;
      } else if (unit.kind == Kind::kBlank) {
        blanks_.append(bytes);
        ++blanks;
      } else {
        if (!steps_.blanks) run_.append(blanks_);
        blanks_.clear();
        blanks = 0;
        // Without collapsing of blanks a line of blanks is not an empty line.
        const bool empty_line = steps_.blanks || run_.empty() || run_.back() == '\n';
        lines = empty_line ? lines + 1 : 1;
        if (steps_.line_ends) strange_ends += bytes != "\n";
        if (!steps_.blank_lines || lines <= 2) run_.append(steps_.line_ends ? "\n" : bytes);
      }
    }
    // A control character that is kept, or one that only looked like the start of a run.
    if (end == begin) return begin + unit_at(text_, begin).length;
    if (steps_.blanks && blanks > 1) blanks_ = " ";
    run_.append(blanks_);
    if (steps_.blanks && (begin == 0 || end == text_.size())) run_.clear();
    const std::string_view before = text_.substr(begin, end - begin);
    if (run_ == before) return end;
    if (!counts_.any()) out_.clear();
    out_.append(text_.substr(copied_, begin - copied_));
    out_.append(run_);
    copied_ = end;
    counts_.control_characters += controls;
    counts_.line_ends += strange_ends;
    counts_.blank_runs += controls + strange_ends == 0;
    return end;
  }

  std::string_view text_;
  const WhitespaceSteps& steps_;
  std::string& out_;
  size_t copied_ = 0;
  WhitespaceCounts counts_;
  std::string run_, blanks_;  // of the run at hand: what it becomes, and its blanks since the last line end
};

}  // namespace

WhitespaceCounts clean_whitespace(std::string_view text, const WhitespaceSteps& steps, std::string& out) {
  return Walk(text, steps, out).run();
}

}  // namespace lathe::corpus
