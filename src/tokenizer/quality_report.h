// How well a tokenizer fits texts: the quality figures of row L-3.8, per source and in total, for a tokenizer of any
// kind; as JSON for files and as Markdown for TOKENIZER_CARD.md and reports.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"
#include "tokenizer/tokenizer.h"

namespace lathe::tokenizer {

// Sums; a ratio over nothing is 0.
struct QualityFigures {
  int64_t documents = 0, bytes = 0, tokens = 0;
  int64_t characters = 0;  // code points; a byte that is not valid UTF-8 is one
  int64_t words = 0;       // runs between white space
  int64_t covered = 0;     // characters that lie whole in one token, neither unknown nor cut into byte tokens
  int64_t unknown = 0;     // tokens that are the unknown token

  double chars_per_token() const;
  double bytes_per_token() const;
  double fertility() const;      // tokens per word
  double coverage() const;       // covered / characters, 0 to 1
  double unknown_rate() const;   // unknown / tokens, 0 to 1
  QualityFigures& operator+=(const QualityFigures& other);
};

struct PieceUse {
  int32_t id = 0;
  std::string bytes;
  int64_t count = 0;
};

// One thread; encoding uses all. The texts are not kept.
class QualityMeter {
 public:
  // unknown_id: the token that stands for text the tokenizer cannot spell; without it no token is unknown.
  explicit QualityMeter(Tokenizer tokenizer, std::optional<int32_t> unknown_id = std::nullopt);

  void add(std::string_view source, std::span<const std::string> texts);

  struct Source {
    std::string name;
    QualityFigures figures;
  };
  const std::vector<Source>& sources() const { return sources_; }  // in the order of their first texts
  QualityFigures total() const;
  int64_t pieces_used() const;  // distinct tokens seen so far
  // The most frequent tokens, ties by id.
  std::vector<PieceUse> top_pieces(size_t count) const;

 private:
  QualityFigures measure(std::string_view text, std::span<const int32_t> ids);

  Tokenizer tokenizer_;
  std::optional<int32_t> unknown_id_;
  std::vector<Source> sources_;
  std::vector<int64_t> uses_;         // by id
  std::vector<int32_t> whole_chars_;  // by id: characters that lie whole in the token
};

// {"total": {...}, "sources": {name: {...}}, "pieces_used", "top_pieces": [{"id", "piece", "count"}]}.
Json quality_json(const QualityMeter& meter, size_t top = 20);

// A table of the sources and the total, then the top pieces; ends with a newline, has no heading.
std::string quality_markdown(const QualityMeter& meter, size_t top = 20);

// A token's bytes made readable on one line: blanks and control characters marked, "|" safe in a Markdown table.
std::string show_piece(std::string_view bytes);

}  // namespace lathe::tokenizer
