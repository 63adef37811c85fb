// What the quality rules ask about a text, from one walk over it (L-2.18; Gopher, arXiv:2112.11446, appendix A; C4,
// arXiv:1910.10683, section 2.2; FineWeb, arXiv:2406.17557, section 3).
//
// Words are what white space parts; lines and paragraphs are what one or more, and two or more, line ends part, blank
// ones not counted; characters are code points. `text` is cleaned text: valid UTF-8,
// LF line ends, less than 2^32 words.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

namespace lathe::corpus {

// Repeated pieces: `copies` counts those that stood before in the same text, `characters` what the copies hold. Equal
// 64-bit hashes are taken for equal pieces.
struct Repeats {
  int64_t copies = 0;
  int64_t characters = 0;
};

struct TextStatistics {
  int64_t bytes = 0;
  int64_t characters = 0;
  int64_t visible_characters = 0;     // all but white space
  int64_t alphabetic_characters = 0;  // general category L

  int64_t words = 0;
  int64_t alphabetic_words = 0;  // with at least one alphabetic character
  int64_t hashes = 0;            // "#"
  int64_t ellipses = 0;          // "..." and U+2026
  int64_t stop_words = 0;        // the be to of and that have with, in any case
  int64_t distinct_stop_words = 0;
  int64_t sentences = 0;     // words that end in . ! ? (and closing marks), and ends of lines without
  int64_t longest_word = 0;  // characters

  int64_t line_ends = 0;  // LF
  int64_t lines = 0;
  int64_t bullet_lines = 0;      // that begin with - * or U+2022, 25CF, 25AA, 2023, 25E6, 00B7
  int64_t ellipsis_lines = 0;    // that end in "..." or U+2026
  int64_t terminal_lines = 0;    // that end in . ! ? ' " or U+201D, 2019, 2026, 3002, FF01, FF1F, "..." included
  int64_t short_lines = 0;       // of at most 30 characters
  int64_t javascript_lines = 0;  // that hold "javascript" in any case
  int64_t paragraphs = 0;
  int64_t curly_brackets = 0;
  int64_t lorem_ipsum = 0;
  Repeats line_repeats;
  Repeats paragraph_repeats;

  // Set by measure_ngrams. [n]: characters of the most frequent n-gram times how often it stands in the text, its
  // blanks included, 0 when none stands twice (n = 2..4); of equally frequent ones the longest.
  std::array<int64_t, 5> top_ngram_characters{};
  // [n]: characters of the words of those n-grams that stood before in the text, read from the left, where the words of
  // a copy are stepped over (n = 5..10): no character counts twice.
  std::array<int64_t, 11> copied_ngram_characters{};
};

inline constexpr int64_t kShortLine = 30;

// A set of 64-bit keys, each with the number of its first appearance. Emptying it costs nothing.
class FirstSeen {
 public:
  void start(size_t most_keys);
  // The number given with the first equal key since start(), which is `number` itself when there was none.
  uint32_t first(uint64_t key, uint32_t number);

 private:
  struct Slot {
    uint64_t key;
    uint32_t number;
    uint32_t epoch;
  };
  std::vector<Slot> slots_;
  size_t mask_ = 0;
  uint32_t epoch_ = 0;
};

// Buffers that are used again for every document; one per thread. Grows to about 50 bytes a word of the longest text.
struct StatisticsScratch {
  struct Piece {
    uint64_t hash;
    uint32_t characters;
  };
  struct Line {
    uint64_t hash;
    size_t begin, end;  // bytes of the text, without the blanks at both ends
    uint32_t characters;
    uint32_t words;
    uint32_t longest_word;  // characters
    bool javascript;  // holds "javascript" in any case
    bool notice;      // has a word of the notices that C4 removes: see line_filter.h
  };
  std::vector<Piece> words, paragraphs;  // of the text measured last
  std::vector<Line> lines;
  std::vector<uint32_t> positions, names, counts, seen;
  std::vector<int64_t> before;  // characters of all words before word i
  FirstSeen table;
};

// All but the n-grams, which stay 0; leaves the words in the scratch for measure_ngrams.
void measure_text(std::string_view text, StatisticsScratch& scratch, TextStatistics& statistics);

// The n-grams of the text that measure_text saw last with this scratch.
void measure_ngrams(StatisticsScratch& scratch, TextStatistics& statistics);

// Both.
TextStatistics measure(std::string_view text, StatisticsScratch& scratch);

}  // namespace lathe::corpus
