// Best segmentation of a text under a unigram language model (Kudo 2018, "Subword regularization"; Viterbi 1967), with
// the arithmetic and ties of the SentencePiece library 0.2: scores are summed in single precision from the left, and of
// equal paths the one whose last piece begins first wins (rows L-3.6, L-3.7). Debian's 0.1.97 sums partly in double
// precision and so cuts about one text in three hundred otherwise.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "tokenizer/spm_proto.h"

namespace lathe::tokenizer {

// Immutable once made; any number of threads.
class Unigram {
 public:
  explicit Unigram(const SpmProto& proto);

  // Appends the ids of a normalised text (U+2581 for blanks). Time and memory grow in proportion to its length.
  // A character that no piece covers becomes its bytes, or, with its unknown neighbours, one unknown piece.
  void encode(std::string_view text, std::vector<int32_t>& ids) const;

 private:
  // A double array: the child of node n by byte b is units_[n].base ^ b, if its parent is n.
  struct Unit {
    int32_t parent = -1;
    int32_t base = -1;   // -1: no children
    int32_t piece = -1;  // that ends here; -1: none
  };
  void build(const std::vector<std::pair<std::string_view, int32_t>>& sorted);
  int32_t free_base(const std::vector<uint8_t>& labels);

  std::vector<Unit> units_;         // 0 is the root
  size_t first_free_ = 1;
  std::vector<float> scores_;       // by piece
  std::vector<bool> user_defined_;
  std::vector<int32_t> byte_ids_;   // empty without byte fallback
  int32_t unknown_ = 0;
  float max_score_ = 0, unknown_score_ = 0;
};

}  // namespace lathe::tokenizer
