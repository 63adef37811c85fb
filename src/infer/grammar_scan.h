// What the readers of grammars share: a place in a source that is valid UTF-8, and the errors that name it.
#pragma once

#include <cstdint>
#include <string_view>

#include "core/result.h"
#include "tokenizer/utf8.h"

namespace lathe::infer {

class GrammarScanner {
 public:
  explicit GrammarScanner(std::string_view text) : text_(text) {}

  bool at_end() const { return at_ >= text_.size(); }
  char peek(size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }
  bool starts_with(std::string_view prefix) const { return text_.substr(at_).starts_with(prefix); }
  bool take(char c) {
    if (at_end() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  bool take(std::string_view prefix) {
    if (!starts_with(prefix)) return false;
    at_ += prefix.size();
    return true;
  }
  char32_t take_character() {  // not at the end
    const tokenizer::CodePoint code = tokenizer::read_code_point(text_, at_);
    at_ += code.length;
    return code.value;
  }
  void skip(size_t bytes) { at_ += bytes; }
  size_t place() const { return at_; }
  void go_to(size_t place) { at_ = place; }
  std::string_view since(size_t begin) const { return text_.substr(begin, at_ - begin); }

  // A number of at most 9 digits; -1: there is none, -2: longer.
  int64_t take_number() {
    int64_t value = -1;
    for (int digits = 0; !at_end() && peek() >= '0' && peek() <= '9'; ++at_) {
      if (++digits > 9) return -2;
      value = (value < 0 ? 0 : value * 10) + (peek() - '0');
    }
    return value;
  }
  // Exactly so many hexadecimal digits; -1: something else.
  int64_t take_hex(int digits) {
    int64_t value = 0;
    for (int i = 0; i < digits; ++i) {
      const char c = peek();
      const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
      if (digit < 0) return -1;
      value = value * 16 + digit;
      ++at_;
    }
    return value;
  }

  template <class... Parts>
  Error fail(const Parts&... parts) const {
    return error_at({}, static_cast<int64_t>(at_), parts...);
  }

 private:
  std::string_view text_;
  size_t at_ = 0;
};

// Whether a code point is a character by itself.
inline bool is_scalar(int64_t code) { return code >= 0 && code <= 0x10FFFF && !(code >= 0xD800 && code < 0xE000); }

}  // namespace lathe::infer
