#include "tokenizer/pair_ranks.h"

#include <algorithm>
#include <bit>

#include "core/check.h"

namespace lathe::tokenizer {

PairRanks::PairRanks(std::vector<Pair> pairs) {
  LATHE_CHECK(pairs.size() <= kMostEntries / 4, "more than 2^25 pairs");
  std::stable_sort(pairs.begin(), pairs.end(), [](const Pair& a, const Pair& b) { return a.left < b.left; });
  if (!pairs.empty()) groups_.resize(static_cast<size_t>(pairs.back().left) + 1);
  entries_.reserve(4 * pairs.size());
  for (size_t begin = 0; begin < pairs.size();) {
    size_t end = begin;
    while (end < pairs.size() && pairs[end].left == pairs[begin].left) ++end;
    Group& group = groups_[static_cast<size_t>(pairs[begin].left)];
    const size_t room = std::bit_ceil(2 * (end - begin));
    const auto shift = static_cast<uint32_t>(32 - std::countr_zero(room));
    group.place = shift << kPlaceBits | static_cast<uint32_t>(entries_.size());
    entries_.resize(entries_.size() + room);
    Entry* entries = &entries_[entries_.size() - room];
    for (; begin < end; ++begin) {
      const uint32_t hash = static_cast<uint32_t>(pairs[begin].right) * 0x9E3779B1;
      group.bits |= uint32_t{1} << (hash >> 27);
      size_t i = hash >> shift;
      while (entries[i].right >= 0 && entries[i].right != pairs[begin].right) i = (i + 1) & (room - 1);
      if (entries[i].right >= 0) continue;
      entries[i] = {pairs[begin].right, static_cast<uint32_t>(pairs[begin].rank)};
      const auto left = static_cast<size_t>(pairs[begin].left), right = static_cast<size_t>(pairs[begin].right);
      if ((left | right) < kDense) dense_[left * kDense + right] = entries[i].rank;
    }
  }
}

}  // namespace lathe::tokenizer
