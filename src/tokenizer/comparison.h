// Comparing tokenizers by how far they compress texts (rows C-2.31, C-2.32).
#pragma once

#include <span>
#include <string>
#include <vector>

#include "core/json.h"
#include "core/result.h"
#include "tokenizer/tokenizer.h"

namespace lathe::tokenizer {

struct NamedText {
  std::string name, text;
};

// The five built-in ones: "news", "korean", "code", "math" (LaTeX) and "science".
const std::vector<NamedText>& comparison_texts();

struct Compression {
  int64_t bytes = 0, tokens = 0;
  double ratio() const;  // bytes per token, 0 without tokens
};

// One entry a text, in their order. Error when a text does not come back byte for byte.
Result<std::vector<Compression>> measure_compression(const Tokenizer& tokenizer, const std::string& name,
                                                     std::span<const NamedText> texts);

// Our tokenizer against one baseline; the vectors hold an entry a text.
struct Comparison {
  std::string baseline;  // its name: "GPT-2"
  std::span<const NamedText> texts;
  std::span<const Compression> theirs, ours;

  // (their tokens - our tokens) / their tokens * 100: above 0 when ours needs fewer.
  double relative_difference(size_t i) const;
  // +1 when our ratio is higher, -1 when theirs is, 0 for a tie.
  int winner(size_t i) const;
};

// A table for a terminal, the better figures green, the worse red, and who is better, or "Tie".
std::string comparison_table(const Comparison& comparison);
// "### Comparison with <baseline>" and a table: ratios with 2 decimals, differences as signed percent with 1 decimal.
std::string comparison_markdown(const Comparison& comparison);
// [{"text", "bytes", "baseline_tokens", "tokens", "baseline_ratio", "ratio", "relative_difference"}, ...]
Json comparison_json(const Comparison& comparison);

}  // namespace lathe::tokenizer
