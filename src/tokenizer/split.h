// Cutting text into the pieces that byte-pair merges never cross. A split pattern is a published regular expression
// together with a hand-written scanner of the same meaning: every byte, valid UTF-8 or not, falls into exactly one
// piece, and a text is scanned in linear time whatever it holds. A byte that is not valid UTF-8 is a sign.
#pragma once

#include <array>
#include <span>
#include <string_view>
#include <type_traits>

#include "tokenizer/char_class.h"
#include "tokenizer/split_windows.h"

namespace lathe::tokenizer {

class ForeignSplit;  // foreign_split.h

struct SplitPattern {
  std::string_view name;
  std::string_view regex;  // how files name the pattern
  // The same meaning in the syntax that tokenizer.json's readers use (Oniguruma: no possessive counts, no $).
  std::string_view portable;
  // End of the piece that begins at `begin` < text.size(); always > begin. Null when `foreign` splits.
  size_t (*piece_end)(const CharTable& table, std::string_view text, size_t begin);
  WindowRules windows = {};
  const ForeignSplit* foreign = nullptr;
};

// All known patterns: "chat" (row C-2.2), "gpt2" (gpt2, r50k and p50k), "cl100k" and "o200k" as tiktoken 0.14 has them,
// "llama3", "qwen2", "qwen3.5" and "tekken" as the published tokenizer.json files of these families have them.
std::span<const SplitPattern> split_patterns();

// Row C-2.2: contractions, words with one leading sign, numbers of at most two digits, signs, white space.
const SplitPattern& chat_split();

// The known pattern with this name, or with this regular expression in any of its published spellings; null when
// there is none.
const SplitPattern* find_split_name(std::string_view name);
const SplitPattern* find_split(std::string_view regex);

// For for_each_piece with a foreign pattern.
void for_each_foreign_piece(const SplitPattern& split, std::string_view text, void* context,
                            void (*visit)(void* context, std::string_view piece));

// The pieces of one text in groups, of a pattern that is not foreign. Not thread-safe; pattern and text must outlive it.
class PieceReader {
 public:
  PieceReader(const SplitPattern& split, std::string_view text) : split_(split), text_(text) {}

  // The ends of the next pieces, ascending; the first of them begins at the last end before. Nothing: the text is at
  // its end. Valid until the next call.
  std::span<const size_t> next();
  static constexpr size_t kMost = 512;  // of one group

 private:
  const SplitPattern& split_;
  std::string_view text_;
  size_t begin_ = 0;
  std::array<size_t, kMost> ends_;
};

// Calls visit(std::string_view piece) for all pieces from left to right. The pieces of a foreign pattern need not be all of
// the text, and it may throw std::runtime_error.
template <class Visit>
void for_each_piece(const SplitPattern& split, std::string_view text, Visit&& visit) {
  if (split.foreign) {
    using Plain = std::remove_reference_t<Visit>;
    for_each_foreign_piece(split, text, const_cast<void*>(static_cast<const void*>(&visit)),
                           [](void* context, std::string_view piece) { (*static_cast<Plain*>(context))(piece); });
    return;
  }
  PieceReader reader(split, text);
  size_t begin = 0;
  for (auto ends = reader.next(); !ends.empty(); ends = reader.next())
    for (const size_t end : ends) {
      visit(text.substr(begin, end - begin));
      begin = end;
    }
}

}  // namespace lathe::tokenizer
