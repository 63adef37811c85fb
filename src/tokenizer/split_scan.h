// The common pieces of the split scanners. Published patterns differ in a few rules, so a scanner is one function over
// a struct of rules known at compile time; the comments name the alternatives of the patterns, which are tried in
// order.
#pragma once

#include "tokenizer/split.h"

namespace lathe::tokenizer::split_scan {

enum class Words {
  kSpaced,  //  ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+
  kSigned,  // [^\r\n\p{L}\p{N}]?\p{L}+
  kMarked,  // [^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+ ; marks are no signs then
  kCased,   // [^\r\n\p{L}\p{N}]?U*L+|[^\r\n\p{L}\p{N}]?U+L* with U = [\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}], L alike with
            // \p{Ll}
};
enum class Contractions { kNone, kLowerFirst, kAnyFirst, kAnyAfterWord };  // 's 'd 'm 't 'll 've 're

struct Char {
  uint8_t kind;
  size_t end;  // where the next one begins
};

inline Char read_char(const CharTable& table, std::string_view text, size_t at) {
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

// The end of a contraction at the apostrophe `begin`, or `begin`. Besides A-Z the only code point that folds to one of
// these letters is U+017F, the long s.
template <bool kAnyCase>
size_t contraction_end(std::string_view text, size_t begin) {
  const std::string_view rest = text.substr(begin + 1, 2);
  const auto letter = [&](size_t i) {
    return i >= rest.size() ? '\0' : static_cast<char>(kAnyCase ? rest[i] | 0x20 : rest[i]);
  };
  const char first = letter(0), second = letter(1);
  if (first == 's' || first == 'd' || first == 'm' || first == 't') return begin + 2;
  if (kAnyCase && rest == "\xC5\xBF") return begin + 3;
  if ((first == 'l' && second == 'l') || ((first == 'v' || first == 'r') && second == 'e')) return begin + 3;
  return begin;
}

// \s*[\r\n] | \s+(?!\S) | \s+ at a white-space character. Rules::kNewlines: the first of them is there;
// Rules::kWholeAtEnd: \s++$ comes before it.
template <class Rules>
size_t white_space_end(const CharTable& table, std::string_view text, size_t begin) {
  size_t after_newline = begin, last = begin, end = begin;
  while (end < text.size()) {
    const Char next = read_char(table, text, end);
    if (!(next.kind & kSpace)) break;
    if (next.kind & kNewline) after_newline = next.end;
    last = end;
    end = next.end;
  }
  if (Rules::kWholeAtEnd && end == text.size()) return end;
  if (Rules::kNewlines && after_newline > begin) return after_newline;
  if (end == text.size() || last == begin) return end;
  return last;  // the run's last character belongs to what follows
}

// U*L+ from `begin` on, or 0. The greedy U* gives back characters until one of them is also in L; `upper_end` becomes
// the end of the U run, which is what U+L* matches when U*L+ matches nothing.
inline size_t cased_end(const CharTable& table, std::string_view text, size_t begin, size_t& upper_end) {
  const auto in_upper = [](uint8_t kind) { return (kind & kMark) || (kind & (kLetter | kLower)) == kLetter; };
  const auto in_lower = [](uint8_t kind) { return (kind & kMark) || (kind & (kLetter | kUpper)) == kLetter; };
  size_t end = begin, both_end = 0;
  while (end < text.size()) {
    const Char next = read_char(table, text, end);
    if (next.kind & kLower) return run_end(table, text, next.end, in_lower);
    if (!in_upper(next.kind)) break;
    if (in_lower(next.kind)) both_end = next.end;
    end = next.end;
  }
  upper_end = end;
  return both_end;
}

// End of a word with its leading sign, or `begin`. `first` is the character at `begin`.
template <class Rules>
size_t word_end(const CharTable& table, std::string_view text, size_t begin, Char first) {
  const bool may_lead = !(first.kind & (kNewline | kLetter | kNumber));
  if constexpr (Rules::kWords == Words::kCased) {
    size_t upper_end = begin;
    if (!may_lead) {
      if (!(first.kind & kLetter)) return begin;
      const size_t end = cased_end(table, text, begin, upper_end);
      return end ? end : upper_end;
    }
    if (const size_t end = cased_end(table, text, first.end, upper_end)) return end;
    if (first.kind & kMark) return first.end;  // not as the leading sign: a mark is in U and in L
    return upper_end > first.end ? upper_end : begin;
  } else {
    constexpr uint8_t kWord = Rules::kWords == Words::kMarked ? kLetter | kMark : kLetter;
    const auto in_word = [](uint8_t kind) { return (kind & kWord) != 0; };
    if (first.kind & kWord) return run_end(table, text, first.end, in_word);
    if (!may_lead) return begin;
    const size_t end = run_end(table, text, first.end, in_word);
    return end > first.end ? end : begin;
  }
}

template <class Rules>
size_t piece_end(const CharTable& table, std::string_view text, size_t begin) {
  constexpr bool kFirst =
      Rules::kContractions == Contractions::kAnyFirst || Rules::kContractions == Contractions::kLowerFirst;
  if (kFirst && text[begin] == '\'') {
    const size_t end = contraction_end<Rules::kContractions == Contractions::kAnyFirst>(text, begin);
    if (end > begin) return end;
  }
  constexpr uint8_t kNoSign =
      Rules::kWords == Words::kMarked ? kLetter | kNumber | kSpace | kMark : kLetter | kNumber | kSpace;
  const auto is_sign = [](uint8_t kind) { return (kind & kNoSign) == 0; };
  const Char first = read_char(table, text, begin);
  const size_t after_blank = text[begin] == ' ' ? first.end : begin;
  if constexpr (Rules::kWords == Words::kSpaced) {
    if (after_blank == text.size()) return after_blank;
    const Char next = after_blank > begin ? read_char(table, text, after_blank) : first;
    if (next.kind & kLetter) return run_end(table, text, next.end, [](uint8_t kind) { return (kind & kLetter) != 0; });
    if (next.kind & kNumber) return run_end(table, text, next.end, [](uint8_t kind) { return (kind & kNumber) != 0; });
    if (is_sign(next.kind)) return run_end(table, text, next.end, is_sign);
  } else {
    if (const size_t end = word_end<Rules>(table, text, begin, first); end > begin) {
      if (Rules::kContractions != Contractions::kAnyAfterWord || end == text.size() || text[end] != '\'') return end;
      return contraction_end<true>(text, end);
    }
    // \p{N}{1,kDigits}
    if (first.kind & kNumber) {
      size_t end = first.end;
      for (int digits = 1; digits < Rules::kDigits && end < text.size(); ++digits) {
        const Char next = read_char(table, text, end);
        if (!(next.kind & kNumber)) break;
        end = next.end;
      }
      return end;
    }
    //  ?[^\s\p{L}\p{N}]+ and a tail of newlines, with kSlashTail also of slashes
    size_t end = run_end(table, text, after_blank, is_sign);
    if (end > after_blank) {
      while (end < text.size() && (text[end] == '\r' || text[end] == '\n' || (Rules::kSlashTail && text[end] == '/')))
        ++end;
      return end;
    }
  }
  return white_space_end<Rules>(table, text, begin);
}

}  // namespace lathe::tokenizer::split_scan
