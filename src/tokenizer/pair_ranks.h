// The rank of joining two adjacent symbols, laid out for merging: the partners of a symbol stand side by side, and few
// bits beside the symbol tell of most pairs that they have none.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/huge_pages.h"

namespace lathe::tokenizer {

// Immutable once built: safe to use from any number of threads. At most 2^25 pairs, symbols are ids >= 0.
class PairRanks {
 public:
  static constexpr uint32_t kNone = 0xFFFFFFFF;  // behind every rank

  struct Pair {
    int32_t left, right, rank;
  };
  PairRanks() = default;
  // Of equal pairs the first one counts.
  explicit PairRanks(std::vector<Pair> pairs);

  uint32_t find(int32_t left, int32_t right) const {
    const auto l = static_cast<size_t>(left), r = static_cast<size_t>(right);
    if ((l | r) < kDense) return dense_[l * kDense + r];
    if (l >= groups_.size()) return kNone;
    const Group group = groups_[l];
    const uint32_t hash = static_cast<uint32_t>(right) * 0x9E3779B1;
    if ((group.bits >> (hash >> 27) & 1) == 0) return kNone;
    const Entry* entries = entries_.data() + (group.place & kMostEntries);
    const uint32_t shift = group.place >> kPlaceBits;
    for (uint32_t i = hash >> shift;; i = (i + 1) & (0xFFFFFFFF >> shift)) {
      if (entries[i].right == right) return entries[i].rank;
      if (entries[i].right < 0) return kNone;
    }
  }

 private:
  struct Entry {
    int32_t right = -1;
    uint32_t rank = kNone;
  };
  static constexpr size_t kDense = 256;  // most vocabularies have the single bytes first
  static constexpr uint32_t kPlaceBits = 27, kMostEntries = (uint32_t{1} << kPlaceBits) - 1;
  // A table of 2^(32 - shift) entries, at most half of them full; 1 <= shift <= 31.
  struct Group {
    uint32_t place = 0;  // where its entries begin, and above that the shift
    uint32_t bits = 0;   // bit h: a partner whose hash begins with h
  };
  std::vector<uint32_t> dense_ = std::vector<uint32_t>(kDense * kDense, kNone);
  std::vector<Group, HugePages<Group>> groups_;  // by left symbol
  std::vector<Entry, HugePages<Entry>> entries_;
};

}  // namespace lathe::tokenizer
