#include "corpus/text_statistics.h"

#include <algorithm>
#include <bit>

#include "corpus/code_points.h"
#include "corpus/text_hash.h"
#include "tokenizer/char_class.h"

namespace lathe::corpus {
namespace {

using tokenizer::CharTable;

// What a byte may be, as bits that are or-ed over a word.
constexpr uint8_t kAlphabetic = 1;
constexpr uint8_t kWhite = 2;
constexpr uint8_t kHigh = 4;  // part of a character beyond ASCII
constexpr uint8_t kHash = 8;
constexpr uint8_t kCurly = 16;
constexpr uint8_t kDot = 32;
constexpr uint8_t kJ = 64;          // rare: only such words can hold "javascript"
constexpr uint8_t kSentence = 128;  // may end a sentence or close one

constexpr std::array<uint8_t, 256> make_classes() {
  std::array<uint8_t, 256> classes{};
  for (size_t i = 'a'; i <= 'z'; ++i) classes[i] = classes[i - 32] = kAlphabetic;
  for (const char c : {' ', '\t', '\n', '\v', '\f', '\r'}) classes[static_cast<size_t>(c)] = kWhite;
  for (size_t i = 128; i < 256; ++i) classes[i] = kHigh;
  for (const char c : {'!', '?', '"', '\'', ')', ']', '*'}) classes[static_cast<size_t>(c)] = kSentence;
  classes['#'] = kHash;
  classes['{'] = classes['}'] = kCurly;
  classes['.'] = kDot | kSentence;
  classes['j'] |= kJ;
  classes['J'] |= kJ;
  return classes;
}
constexpr std::array<uint8_t, 256> kClass = make_classes();

bool equal_letters(std::string_view text, std::string_view lower_case) {
  return text.size() == lower_case.size() &&
         std::equal(text.begin(), text.end(), lower_case.begin(), [](char a, char b) { return (a | 0x20) == b; });
}

bool holds_letters(std::string_view text, std::string_view lower_case) {
  for (size_t at = 0; at + lower_case.size() <= text.size(); ++at)
    if (equal_letters(text.substr(at, lower_case.size()), lower_case)) return true;
  return false;
}

bool ends_with(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

// Three dots count once, as do six twice.
int64_t count_ellipses(std::string_view word) {
  int64_t count = 0;
  for (size_t at = word.find("..."); at != std::string_view::npos; at = word.find("...", at + 3)) ++count;
  return count;
}

// Number of the stop word, or -1.
int stop_word(std::string_view word) {
  while (!word.empty() && !(kClass[byte_at(word, 0)] & (kAlphabetic | kHigh))) word.remove_prefix(1);
  while (!word.empty() && !(kClass[byte_at(word, word.size() - 1)] & (kAlphabetic | kHigh))) word.remove_suffix(1);
  constexpr std::string_view kWords[] = {"the", "be", "to", "of", "and", "that", "have", "with"};
  for (int i = 0; i < 8; ++i)
    if (equal_letters(word, kWords[i])) return i;
  return -1;
}

// Whether a sentence ends with this word: . ! ? with nothing but closing marks behind it.
bool ends_sentence(std::string_view word) {
  while (!word.empty()) {
    const char last = word.back();
    if (last == '.' || last == '!' || last == '?') return true;
    if (last == '"' || last == '\'' || last == ')' || last == ']' || last == '*') {
      word.remove_suffix(1);
    } else if (ends_with(word, "\u201D") || ends_with(word, "\u2019")) {
      word.remove_suffix(3);
    } else {
      return ends_with(word, "\u2026") || ends_with(word, "\u3002") || ends_with(word, "\uFF01") ||
             ends_with(word, "\uFF1F");
    }
  }
  return false;
}

bool ends_terminal(std::string_view line) {
  switch (line.back()) {
    case '.':
    case '!':
    case '?':
    case '"':
    case '\'':
      return true;
    default:
      if (byte_at(line, line.size() - 1) < 0x80) return false;
      for (const std::string_view mark : {"\u201D", "\u2019", "\u2026", "\u3002", "\uFF01", "\uFF1F"})
        if (ends_with(line, mark)) return true;
      return false;
  }
}

bool starts_bullet(std::string_view line) {
  if (line[0] == '-' || line[0] == '*') return true;
  if (byte_at(line, 0) < 0x80) return false;
  for (const std::string_view mark : {"\u2022", "\u25CF", "\u25AA", "\u2023", "\u25E6", "\u00B7"})
    if (line.substr(0, mark.size()) == mark) return true;
  return false;
}

class Walk {
 public:
  Walk(std::string_view text, StatisticsScratch& scratch, TextStatistics& statistics)
      : text_(text), scratch_(scratch), s_(statistics), characters_of_(CharTable::get()) {}

  void run() {
    scratch_.words.clear();
    scratch_.lines.clear();
    scratch_.paragraphs.clear();
    while (at_ < text_.size()) {
      const uint8_t kind = kClass[byte_at(text_, at_)];
      if (kind & kWhite) {
        if (text_[at_] == '\n') {
          end_line();
          ++s_.line_ends;
        }
        ++at_;
        ++s_.characters;
      } else if (const size_t length = kind & kHigh ? high_space() : 0; length > 0) {
        at_ += length;
        ++s_.characters;
      } else {
        word();
      }
    }
    end_line();
    end_paragraph();
    s_.bytes = static_cast<int64_t>(text_.size());
    s_.words = static_cast<int64_t>(scratch_.words.size());
    s_.lines = static_cast<int64_t>(scratch_.lines.size());
    s_.paragraphs = static_cast<int64_t>(scratch_.paragraphs.size());
    s_.distinct_stop_words = std::popcount(stop_words_);
    s_.line_repeats = repeats(scratch_.lines);
    s_.paragraph_repeats = repeats(scratch_.paragraphs);
  }

 private:
  // Bytes of the space beyond ASCII that stands here, 0 when it is something else.
  size_t high_space() const {
    size_t end = at_;
    const bool space = (characters_of_.at(next_code_point(text_, end)) & tokenizer::kSpace) != 0;
    return space ? end - at_ : 0;
  }

  void word() {
    const size_t begin = at_;
    uint8_t all = 0;
    int64_t letters = 0, continuations = 0;
    while (at_ < text_.size()) {
      const uint8_t kind = kClass[byte_at(text_, at_)];
      if (kind & (kWhite | kHigh)) {
        if (kind & kWhite) break;
        size_t end = at_;
        const char32_t c = next_code_point(text_, end);
        const uint8_t properties = characters_of_.at(c);
        if (properties & tokenizer::kSpace) break;
        letters += (properties & tokenizer::kLetter) != 0;
        s_.ellipses += c == 0x2026;
        continuations += static_cast<int64_t>(end - at_) - 1;
        all |= kHigh;
        at_ = end;
        continue;
      }
      all |= kind;
      letters += kind & kAlphabetic;
      ++at_;
    }
    const std::string_view word = text_.substr(begin, at_ - begin);
    const int64_t characters = static_cast<int64_t>(word.size()) - continuations;
    scratch_.words.push_back({hash_text(word), static_cast<uint32_t>(characters)});
    if (line_begin_ == kNoLine) {
      line_begin_ = begin;
      line_first_character_ = s_.characters;
      line_first_word_ = scratch_.words.size() - 1;
    }
    s_.characters += characters;
    s_.visible_characters += characters;
    s_.alphabetic_characters += letters;
    s_.alphabetic_words += letters > 0;
    line_longest_ = std::max(line_longest_, characters);
    if (letters >= 2 && letters <= 4 && word.size() <= 8) note_stop_word(word);
    const uint8_t last = kClass[byte_at(word, word.size() - 1)];
    sentence_open_ = !((last & (kSentence | kHigh)) != 0 && ends_sentence(word));
    s_.sentences += !sentence_open_;
    if (all & (kHash | kCurly | kDot | kJ)) rare(word, all);
    note_boilerplate(word);
    last_word_ = word;
  }

  void note_boilerplate(std::string_view word) {
    const auto begins = [&](std::string_view start) {
      return word.size() >= start.size() && equal_letters(word.substr(0, start.size()), start);
    };
    switch (word[0] | 0x20) {
      case 'i':
        if (begins("ipsum") && last_word_.size() >= 5)
          s_.lorem_ipsum += equal_letters(last_word_.substr(last_word_.size() - 5), "lorem");
        break;
      case 'c':
        line_notice_ |= begins("cookies");
        break;
      case 'p':
        line_notice_ |= begins("policy");
        break;
      case 'u':
        line_notice_ |= begins("use") && equal_letters(last_word_, "of");
        break;
      default:
        break;
    }
  }

  void note_stop_word(std::string_view word) {
    const int number = stop_word(word);
    if (number < 0) return;
    ++s_.stop_words;
    stop_words_ |= 1u << number;
  }

  void rare(std::string_view word, uint8_t all) {
    if (all & kHash) s_.hashes += std::count(word.begin(), word.end(), '#');
    if (all & kCurly)
      s_.curly_brackets += std::count_if(word.begin(), word.end(), [](char c) { return c == '{' || c == '}'; });
    if (all & kDot) s_.ellipses += count_ellipses(word);
    if ((all & kJ) && !line_javascript_) line_javascript_ = holds_letters(word, "javascript");
  }

  void end_line() {
    if (line_begin_ == kNoLine) {
      end_paragraph();  // an empty line
      return;
    }
    const size_t line_end = static_cast<size_t>(last_word_.data() + last_word_.size() - text_.data());
    const std::string_view line = text_.substr(line_begin_, line_end - line_begin_);
    // Blanks at the end of the line are characters of the text, not of the line.
    const int64_t trailing = static_cast<int64_t>(at_ - line_end);
    const int64_t characters =
        s_.characters - line_first_character_ -
        (trailing == 0
             ? 0
             : std::count_if(text_.begin() + static_cast<int64_t>(line_end), text_.begin() + static_cast<int64_t>(at_),
                             [](char c) { return (static_cast<uint8_t>(c) & 0xC0) != 0x80; }));
    const uint64_t hash = hash_text(line);
    scratch_.lines.push_back({hash, line_begin_, line_end, static_cast<uint32_t>(characters),
                              static_cast<uint32_t>(scratch_.words.size() - line_first_word_),
                              static_cast<uint32_t>(line_longest_), line_javascript_,
                              line_notice_});
    s_.bullet_lines += starts_bullet(line);
    s_.ellipsis_lines += ends_with(line, "...") || ends_with(line, "\u2026");
    s_.terminal_lines += ends_terminal(line);
    s_.short_lines += characters <= kShortLine;
    s_.javascript_lines += line_javascript_;
    s_.sentences += sentence_open_;
    paragraph_hash_ = mix(paragraph_hash_ ^ hash, 0xD6E8FEB86659FD93u);
    paragraph_characters_ += characters + (paragraph_lines_ > 0);
    ++paragraph_lines_;
    s_.longest_word = std::max(s_.longest_word, line_longest_);
    line_longest_ = 0;
    line_begin_ = kNoLine;
    line_javascript_ = line_notice_ = false;
    sentence_open_ = false;
  }

  void end_paragraph() {
    if (paragraph_lines_ == 0) return;
    scratch_.paragraphs.push_back({paragraph_hash_, static_cast<uint32_t>(paragraph_characters_)});
    paragraph_hash_ = 1;
    paragraph_characters_ = paragraph_lines_ = 0;
  }

  template <class Piece>
  Repeats repeats(const std::vector<Piece>& pieces) {
    Repeats found;
    if (pieces.size() < 2) return found;
    scratch_.table.start(pieces.size());
    for (uint32_t i = 0; i < pieces.size(); ++i) {
      if (scratch_.table.first(pieces[i].hash, i) == i) continue;
      ++found.copies;
      found.characters += pieces[i].characters;
    }
    return found;
  }

  static constexpr size_t kNoLine = ~size_t{0};

  std::string_view text_;
  StatisticsScratch& scratch_;
  TextStatistics& s_;
  const CharTable& characters_of_;
  size_t at_ = 0;
  size_t line_begin_ = kNoLine;  // of the line at hand, once it has a word
  int64_t line_first_character_ = 0;
  std::string_view last_word_;
  size_t line_first_word_ = 0;
  int64_t line_longest_ = 0;  // characters of its longest word
  bool line_javascript_ = false, line_notice_ = false;
  bool sentence_open_ = false;
  uint32_t stop_words_ = 0;  // bits of those seen
  uint64_t paragraph_hash_ = 1;
  int64_t paragraph_characters_ = 0, paragraph_lines_ = 0;
};

}  // namespace

void measure_text(std::string_view text, StatisticsScratch& scratch, TextStatistics& statistics) {
  statistics = TextStatistics{};
  Walk(text, scratch, statistics).run();
}

TextStatistics measure(std::string_view text, StatisticsScratch& scratch) {
  TextStatistics statistics;
  measure_text(text, scratch, statistics);
  measure_ngrams(scratch, statistics);
  return statistics;
}

}  // namespace lathe::corpus
