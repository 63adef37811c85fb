#include "tokenizer/split.h"

namespace lathe::tokenizer {
namespace {

struct Char {
  uint8_t kind;
  size_t end;  // where the next one begins
};

Char read_char(const CharTable& table, std::string_view text, size_t at) {
  const auto lead = static_cast<uint8_t>(text[at]);
  if (lead < 0x80) return {table.ascii(lead), at + 1};
  const CodePoint point = read_code_point(text, at);
  return {table.at(point.value), at + point.length};
}

// End of the run of characters whose kind satisfies `wanted`, from `at` on.
template <class Wanted>
size_t run_end(const CharTable& table, std::string_view text, size_t at, Wanted wanted) {
  while (at < text.size()) {
    const Char next = read_char(table, text, at);
    if (!wanted(next.kind)) break;
    at = next.end;
  }
  return at;
}

size_t letters_end(const CharTable& table, std::string_view text, size_t at) {
  return run_end(table, text, at, [](uint8_t kind) { return (kind & kLetter) != 0; });
}

// '(?i:[sdmt]|ll|ve|re) at an apostrophe: the end of the match, or `begin`. Besides A-Z the only code point that folds
// to one of these letters is U+017F, the long s.
size_t contraction_end(std::string_view text, size_t begin) {
  const std::string_view rest = text.substr(begin + 1);
  const auto lower = [&](size_t i) { return i < rest.size() ? static_cast<char>(rest[i] | 0x20) : '\0'; };
  const char first = lower(0), second = lower(1);
  if (first == 's' || first == 'd' || first == 'm' || first == 't') return begin + 2;
  if (rest.starts_with("\xC5\xBF")) return begin + 3;
  if ((first == 'l' && second == 'l') || ((first == 'v' || first == 'r') && second == 'e')) return begin + 3;
  return begin;
}

// \s*[\r\n] | \s+(?!\S) | \s+ at a white-space character.
size_t white_space_end(const CharTable& table, std::string_view text, size_t begin) {
  size_t after_newline = begin, last = begin, end = begin;
  while (end < text.size()) {
    const Char next = read_char(table, text, end);
    if (!(next.kind & kSpace)) break;
    if (next.kind & kNewline) after_newline = next.end;
    last = end;
    end = next.end;
  }
  if (after_newline > begin) return after_newline;
  if (end == text.size() || last == begin) return end;
  return last;  // the run's last character belongs to what follows
}

// The alternatives of the pattern are tried in its order; the comments name them.
size_t chat_piece_end(const CharTable& table, std::string_view text, size_t begin) {
  if (text[begin] == '\'') {
    const size_t end = contraction_end(text, begin);
    if (end > begin) return end;
  }
  const Char first = read_char(table, text, begin);
  // [^\r\n\p{L}\p{N}]?+\p{L}+
  if (first.kind & kLetter) return letters_end(table, text, first.end);
  if (!(first.kind & (kNewline | kNumber)) && first.end < text.size()) {
    const Char next = read_char(table, text, first.end);
    if (next.kind & kLetter) return letters_end(table, text, next.end);
  }
  // \p{N}{1,2}
  if (first.kind & kNumber) {
    if (first.end == text.size()) return first.end;
    const Char next = read_char(table, text, first.end);
    return next.kind & kNumber ? next.end : first.end;
  }
  //  ?[^\s\p{L}\p{N}]++[\r\n]*
  const size_t signs = text[begin] == ' ' ? begin + 1 : begin;
  const size_t signs_end = run_end(table, text, signs, [](uint8_t kind) { return kind == 0; });
  if (signs_end > signs) {
    size_t end = signs_end;
    while (end < text.size() && (text[end] == '\r' || text[end] == '\n')) ++end;
    return end;
  }
  return white_space_end(table, text, begin);
}

constexpr SplitPattern kPatterns[] = {
    {"chat",
     "'(?i:[sdmt]|ll|ve|re)|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}+|\\p{N}{1,2}| ?[^\\s\\p{L}\\p{N}]++[\\r\\n]*|\\s*[\\r\\n]|"
     "\\s+(?!\\S)|\\s+",
     chat_piece_end},
};

}  // namespace

const SplitPattern& chat_split() { return kPatterns[0]; }

const SplitPattern* find_split(std::string_view regex) {
  for (const SplitPattern& pattern : kPatterns)
    if (pattern.regex == regex) return &pattern;
  return nullptr;
}

}  // namespace lathe::tokenizer
