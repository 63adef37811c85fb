// Counting the distinct pieces of a stream of documents: memory grows with the distinct pieces, not with the text.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "tokenizer/bytes_map.h"
#include "tokenizer/split.h"

namespace lathe::tokenizer {

class PieceCounter {
 public:
  explicit PieceCounter(const SplitPattern& split);

  // Splits and counts the documents with all threads. The texts are not kept.
  void add(std::span<const std::string_view> documents);

  struct Counts {
    BytesMap pieces;
    std::vector<int64_t> weights;  // occurrences of each piece, 64-bit (trap T2)
  };
  // All counts so far, equal in content for any number of threads (the order of pieces is not); empties the counter.
  Counts take();

 private:
  const SplitPattern& split_;
  std::vector<Counts> parts_;  // one a thread, added up by take()
};

}  // namespace lathe::tokenizer
