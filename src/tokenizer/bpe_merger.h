// Byte-pair merging of a row of symbols: the adjacent pair of the lowest rank is joined, leftmost first, until none is
// left (row C-2.17). What the symbols stand for is the caller's business.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "tokenizer/pair_ranks.h"

namespace lathe::tokenizer {

// Immutable once built: safe to use from any number of threads. Symbols are ids >= 0.
class BpeMerger {
 public:
  BpeMerger() = default;
  // Of equal pairs the first one counts; ranks are below 2^26. ids_of_ranks: rank -> id of what a pair of that rank
  // becomes; empty: a rank is that id itself (tiktoken's rule).
  explicit BpeMerger(std::vector<PairRanks::Pair> pairs, std::vector<int32_t> ids_of_ranks = {});

  // Appends what `symbols`, which is overwritten, becomes; fewer than 2^32 - 1 symbols. Returns the number of
  // elementary steps: at most a constant times the symbols for rows of one repeated pattern, O(n log n) at worst
  // (trap T3).
  int64_t merge(std::span<int32_t> symbols, std::vector<int32_t>& ids) const;
  // The two symbols that the last merge of a row joins when the row becomes one symbol; {-1, -1}: it does not.
  std::pair<int32_t, int32_t> last_merge(std::vector<int32_t> symbols) const;

 private:
  int64_t merge_short(std::span<int32_t> symbols, std::vector<int32_t>& ids) const;
  int64_t merge_long(std::span<const int32_t> symbols, std::vector<int32_t>& ids) const;
  int32_t id_of(uint32_t rank) const {
    return ids_of_ranks_.empty() ? static_cast<int32_t>(rank) : ids_of_ranks_[static_cast<size_t>(rank)];
  }

  std::vector<int32_t> ids_of_ranks_;
  PairRanks ranks_;
  int64_t rank_count_ = 1;
};

}  // namespace lathe::tokenizer
