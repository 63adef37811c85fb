#include "corpus/urls.h"

#include <algorithm>
#include <cstring>

#include "corpus/code_points.h"

namespace lathe::corpus {
namespace {

constexpr size_t kNone = std::string_view::npos;

bool is_alphanumeric(char c) { return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z'); }
bool is_word_byte(char c) { return is_alphanumeric(c) || static_cast<uint8_t>(c) >= 0x80; }

bool ends_with_letters(std::string_view text, std::string_view lower_case) {
  if (text.size() < lower_case.size()) return false;
  const std::string_view tail = text.substr(text.size() - lower_case.size());
  return std::equal(tail.begin(), tail.end(), lower_case.begin(), [](char a, char b) { return (a | 0x20) == b; });
}

// The start of the scheme that ends at `colon`, or kNone.
size_t scheme_start(std::string_view text, size_t colon) {
  for (const std::string_view scheme : {"https", "http", "ftp"}) {
    if (!ends_with_letters(text.substr(0, colon), scheme)) continue;
    const size_t begin = colon - scheme.size();
    if (begin == 0 || !is_alphanumeric(text[begin - 1])) return begin;
  }
  return kNone;
}

bool ends_address(std::string_view text, size_t at) {
  const uint8_t byte = byte_at(text, at);
  if (byte <= 0x20 || byte == 0x7F) return true;
  if (byte < 0x80) return std::strchr("<>\"`{}|\\^", byte) != nullptr;
  // Spaces, quotes and punctuation of Latin, general, CJK and full-width kinds.
  const uint8_t second = at + 1 < text.size() ? byte_at(text, at + 1) : 0;
  return (byte == 0xC2) || (byte == 0xE2 && (second == 0x80 || second == 0x81)) || (byte == 0xE3 && second == 0x80) ||
         (byte == 0xEF && (second == 0xBC || second == 0xBD));
}

// The end of the address whose host starts at `host`, or `host` when nothing like a host follows.
size_t address_end(std::string_view text, size_t host) {
  if (host >= text.size() || !is_word_byte(text[host]) || ends_address(text, host)) return host;
  int round = 0, square = 0;
  size_t end = host;
  for (; end < text.size() && !ends_address(text, end); ++end) {
    const char c = text[end];
    if (c == '(') ++round;
    if (c == '[') ++square;
    if ((c == ')' && --round < 0) || (c == ']' && --square < 0)) break;
  }
  while (std::strchr(".,;:!?'*_~", text[end - 1]) != nullptr) --end;
  return end;
}

// Where the next address may stand: at "://" or "www.". Each is searched again only once it is passed.
class Candidates {
 public:
  explicit Candidates(std::string_view text) : text_(text) {}
  size_t next(size_t from) {
    for (size_t i = 0; i < 3; ++i)
      if (found_[i] != kNone && (found_[i] < from || !searched_)) found_[i] = text_.find(kMarks[i], from);
    searched_ = true;
    return std::min({found_[0], found_[1], found_[2]});
  }

 private:
  static constexpr std::string_view kMarks[3] = {"://", "www.", "WWW."};
  std::string_view text_;
  size_t found_[3] = {0, 0, 0};
  bool searched_ = false;
};

}  // namespace

int64_t remove_urls(std::string_view text, std::string& out) {
  int64_t removed = 0;
  size_t copied = 0;
  Candidates candidates(text);
  for (size_t mark = candidates.next(0); mark != kNone; mark = candidates.next(mark + 1)) {
    size_t begin = mark, host = mark;
    if (text[mark] == ':') {
      begin = scheme_start(text, mark);
      host = mark + 3;
    } else {
      if (mark > 0 && is_alphanumeric(text[mark - 1])) continue;
      host = mark + 4;
    }
    if (begin == kNone || begin < copied) continue;
    size_t end = address_end(text, host);
    if (end == host) continue;
    if (begin > copied && end < text.size()) {
      const char open = text[begin - 1], close = text[end];
      if ((open == '(' && close == ')') || (open == '<' && close == '>') || (open == '[' && close == ']'))
        --begin, ++end;
    }
    if (removed++ == 0) out.clear();
    out.append(text.substr(copied, begin - copied));
    // Two words must not become one.
    const bool between = begin > 0 && end < text.size() && is_word_byte(text[begin - 1]) && is_word_byte(text[end]);
    if (between && !ends_address(text, end)) out.push_back(' ');
    copied = end;
    mark = end - 1;
  }
  if (removed > 0) out.append(text.substr(copied));
  return removed;
}

}  // namespace lathe::corpus
