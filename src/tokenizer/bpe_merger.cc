#include "tokenizer/bpe_merger.h"

#include <algorithm>
#include <array>
#include <bit>
#include <utility>

#include "core/check.h"
#include "tokenizer/rank_queue.h"

namespace lathe::tokenizer {
namespace {
constexpr size_t kShort = 64;  // up to here, scanning all pairs for each merge beats a queue
constexpr uint32_t kNoMerge = PairRanks::kNone;
constexpr int kPlaceBits = 6;
}  // namespace

BpeMerger::BpeMerger(std::vector<PairRanks::Pair> pairs, std::vector<int32_t> ids_of_ranks)
    : ids_of_ranks_(std::move(ids_of_ranks)) {
  for (const PairRanks::Pair& pair : pairs) rank_count_ = std::max<int64_t>(rank_count_, int64_t{pair.rank} + 1);
  LATHE_CHECK(rank_count_ <= int64_t{1} << 26, "more than 2^26 ranks");
  ranks_ = PairRanks(std::move(pairs));
}

int64_t BpeMerger::merge(std::span<int32_t> symbols, std::vector<int32_t>& ids) const {
  if (symbols.size() <= kShort) return merge_short(symbols, ids);
  require(symbols.size() < kNoMerge, "[encode] one unsplittable piece of ", symbols.size(), " symbols");
  return merge_long(symbols, ids);
}

std::pair<int32_t, int32_t> BpeMerger::last_merge(std::vector<int32_t> symbols) const {
  while (symbols.size() > 1) {
    uint32_t least = kNoMerge;
    size_t place = 0;
    for (size_t i = 0; i + 1 < symbols.size(); ++i)
      if (const uint32_t rank = ranks_.find(symbols[i], symbols[i + 1]); rank < least) {
        least = rank;
        place = i;
      }
    if (least == kNoMerge) break;
    if (symbols.size() == 2) return {symbols[0], symbols[1]};
    symbols[place] = id_of(least);
    symbols.erase(symbols.begin() + static_cast<std::ptrdiff_t>(place) + 1);
  }
  return {-1, -1};
}

// The parts stay where they begin; a bit says whether a part begins there.
int64_t BpeMerger::merge_short(std::span<int32_t> symbols, std::vector<int32_t>& ids) const {
  std::array<uint32_t, kShort + 1> pairs;  // rank of the pair that begins here, then the place: the least is the next merge
  const size_t count = std::min(symbols.size(), kShort);
  const auto pair = [&](size_t left, size_t right) {
    const uint32_t rank = ranks_.find(symbols[left], symbols[right]);
    pairs[left] = rank == kNoMerge ? kNoMerge : rank << kPlaceBits | static_cast<uint32_t>(left);
  };
  for (size_t i = 0; i + 1 < count; ++i) pair(i, i + 1);
  pairs[count - 1] = kNoMerge;
  uint64_t begins = count == kShort ? ~uint64_t{0} : (uint64_t{1} << count) - 1;
  int64_t steps = 0;
  while (true) {
    uint32_t least = kNoMerge;
    for (size_t i = 0; i < count; ++i) least = std::min(least, pairs[i]);
    steps += static_cast<int64_t>(count);
    if (least == kNoMerge) break;
    const size_t place = least & (kShort - 1);
    symbols[place] = id_of(least >> kPlaceBits);
    const uint64_t after = begins & ~(((uint64_t{1} << place) << 1) - 1);
    const auto gone = static_cast<size_t>(std::countr_zero(after));
    begins &= ~(uint64_t{1} << gone);
    pairs[gone] = kNoMerge;
    const uint64_t behind = after & (after - 1);
    if (behind != 0)
      pair(place, static_cast<size_t>(std::countr_zero(behind)));
    else
      pairs[place] = kNoMerge;
    if (const uint64_t before = begins & ((uint64_t{1} << place) - 1); before != 0)
      pair(static_cast<size_t>(std::bit_width(before)) - 1, place);
  }
  for (; begins != 0; begins &= begins - 1) ids.push_back(symbols[static_cast<size_t>(std::countr_zero(begins))]);
  return steps;
}

int64_t BpeMerger::merge_long(std::span<const int32_t> symbols, std::vector<int32_t>& ids) const {
  struct Part {
    int32_t id;
    uint32_t previous, next;
    uint32_t rank;  // of the pair with the next part
  };
  const auto end = static_cast<uint32_t>(symbols.size());
  std::vector<Part> parts(symbols.size());
  RankQueue queue(rank_count_);
  int32_t last_left = -1, last_right = -1;
  uint32_t last_rank = kNoMerge;  // long rows are mostly repetitions
  const auto rank_of = [&](int32_t left, int32_t right) {
    if (left != last_left || right != last_right) {
      last_left = left;
      last_right = right;
      last_rank = ranks_.find(left, right);
    }
    return last_rank;
  };
  const auto queue_pair = [&](uint32_t i) {
    const uint32_t next = parts[i].next;
    const uint32_t rank = next == end ? kNoMerge : rank_of(parts[i].id, parts[next].id);
    parts[i].rank = rank;
    if (rank != kNoMerge) queue.push(static_cast<int32_t>(rank), i);
  };
  for (uint32_t i = 0; i < end; ++i) parts[i] = {symbols[i], i - 1, i + 1, kNoMerge};
  for (uint32_t i = 0; i < end; ++i) queue_pair(i);
  while (!queue.empty()) {
    const auto [rank, i] = queue.pop();
    if (parts[i].rank != static_cast<uint32_t>(rank)) continue;  // merged or changed since it was queued
    const uint32_t gone = parts[i].next, next = parts[gone].next;
    parts[i].id = id_of(parts[i].rank);
    parts[i].next = next;
    parts[gone].rank = kNoMerge;
    if (next != end) parts[next].previous = i;
    if (i > 0) queue_pair(parts[i].previous);
    queue_pair(i);
  }
  for (uint32_t i = 0; i < end; i = parts[i].next) ids.push_back(parts[i].id);
  return queue.steps() + int64_t{end};
}

}  // namespace lathe::tokenizer
