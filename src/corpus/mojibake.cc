#include "corpus/mojibake.h"

#include <array>
#include <cstring>
#include <vector>

#include "corpus/code_points.h"

namespace lathe::corpus {
namespace {

// What Windows-1252 shows for the bytes 0x80 to 0x9F; 0 where it shows nothing.
constexpr std::array<char16_t, 32> kWindows1252 = {0x20AC, 0,      0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021,
                                                   0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0,      0x017D, 0,
                                                   0,      0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014,
                                                   0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0,      0x017E, 0x0178};

// The continuation byte (0x80..0xBF) that a character stands for, or -1.
int continuation_of(char32_t c) {
  if (c < 0x80 || c > 0x2122) return -1;
  if (c < 0xC0) return static_cast<int>(c);
  for (size_t i = 0; i < kWindows1252.size(); ++i)
    if (kWindows1252[i] == c) return static_cast<int>(0x80 + i);
  return -1;
}

bool is_lead(char32_t c) { return c >= 0xC2 && c <= 0xF4; }

// Marks that stand right behind a letter in correct text: closing quotes, dashes, the ellipsis, the no-break space.
bool may_close_word(char32_t c) {
  switch (c) {
    case 0xA0:
    case 0xB7:
    case 0xBB:
    case 0x2018:
    case 0x2019:
    case 0x201D:
    case 0x2026:
    case 0x2013:
    case 0x2014:
    case 0x203A:
    case 0x2122:
    case 0xAE:
    case 0xB0:
    case 0xB2:
    case 0xB3:
    case 0xB9:
      return true;
    default:
      return false;
  }
}

// Characters that never follow a letter with an accent in correct text.
bool is_strange(char32_t c) {
  switch (c) {
    case 0x20AC:
    case 0x201A:
    case 0x0192:
    case 0x201E:
    case 0x2020:
    case 0x2021:
    case 0x02C6:
    case 0x2030:
    case 0x0160:
    case 0x2039:
    case 0x0152:
    case 0x017D:
    case 0x02DC:
    case 0x0161:
    case 0x0153:
    case 0x017E:
    case 0x0178:
      return true;
    default:
      return c >= 0x80 && c < 0xA0;
  }
}

constexpr char32_t kRepaired = 0x80000000;  // mark on a stacked character
constexpr char32_t kCode = 0x1FFFFF;

// The text so far, with the newest character on top. A repair puts its result back on the stack, where it may end
// another sequence: so text that was decoded wrongly several times comes back in one walk.
class Stack {
 public:
  explicit Stack(size_t most) { stack_.reserve(most); }
  void push(char32_t c) {
    stack_.push_back(c);
    while (reduce()) ++repairs_;
  }
  int64_t repairs() const { return repairs_; }
  const std::vector<char32_t>& characters() const { return stack_; }

 private:
  bool reduce() {
    if (continuation_of(stack_.back() & kCode) < 0) return false;
    for (size_t length = 2; length <= 4 && length <= stack_.size(); ++length) {
      const char32_t lead = stack_[stack_.size() - length] & kCode;
      if (is_lead(lead)) {
        if (sequence_length(static_cast<uint8_t>(lead)) == length && join(length)) return true;
      }
      if (continuation_of(lead) < 0) return false;
    }
    return false;
  }

  bool join(size_t length) {
    const size_t at = stack_.size() - length;
    const char32_t lead = stack_[at] & kCode;
    char32_t value = lead & (0x7Fu >> length);
    for (size_t i = 1; i < length; ++i)
      value = value << 6 | (static_cast<char32_t>(continuation_of(stack_[at + i] & kCode)) & 0x3F);
    const char32_t least = length == 2 ? 0x80 : length == 3 ? 0x800 : 0x10000;
    if (value < least || value > 0x10FFFF || (value >= 0xD800 && value < 0xE000)) return false;
    if (!known_form(at, length, lead, value)) return false;
    stack_.resize(at);
    stack_.push_back(value | kRepaired);
    return true;
  }

  bool known_form(size_t at, size_t length, char32_t lead, char32_t value) const {
    if (at > 0 && (stack_[at - 1] & kRepaired) != 0) return true;
    const auto character = [&](size_t i) { return stack_[at + i] & kCode; };
    const char32_t second = character(1);
    if (length == 2) {
      if (lead == 0xC2) return true;  // a mark or a no-break space behind a stray A with circumflex
      if (lead == 0xC3) {
        const bool after_capital = at > 0 && stack_[at - 1] >= 'A' && stack_[at - 1] <= 'Z';
        return !after_capital || !may_close_word(second);
      }
      // Latin of central Europe, Greek, Cyrillic.
      const bool script = lead == 0xC4 || lead == 0xC5 || (lead >= 0xCE && lead <= 0xD1);
      return script && !may_close_word(second);
    }
    bool strange = false;
    for (size_t i = 1; i < length; ++i) strange |= is_strange(character(i));
    if (length == 3) return strange || (lead == 0xE2 && value < 0x2800) || value == 0xFEFF || value == 0xFFFD;
    return lead == 0xF0 && strange;
  }

  std::vector<char32_t> stack_;
  int64_t repairs_ = 0;
};

// Whether some lead stands right before some continuation: the cheap question that most documents answer with no.
bool may_hold_mojibake(std::string_view text) {
  for (size_t at = 0; at + 3 < text.size();) {
    const void* found = std::memchr(text.data() + at, 0xC3, text.size() - at);
    if (found == nullptr) return false;
    at = static_cast<size_t>(static_cast<const char*>(found) - text.data());
    const char32_t first = next_code_point(text, at);
    if (at == text.size()) return false;
    size_t behind = at;
    if (is_lead(first) && continuation_of(next_code_point(text, behind)) >= 0) return true;
  }
  return false;
}

}  // namespace

int64_t repair_mojibake(std::string_view text, std::string& out) {
  if (!may_hold_mojibake(text)) return 0;
  Stack stack(text.size());
  for (size_t at = 0; at < text.size();) stack.push(next_code_point(text, at));
  if (stack.repairs() == 0) return 0;
  out.clear();
  for (const char32_t c : stack.characters()) append_code_point(out, c & kCode);
  return stack.repairs();
}

}  // namespace lathe::corpus
