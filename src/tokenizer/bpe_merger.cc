#include "tokenizer/bpe_merger.h"

#include <algorithm>
#include <array>
#include <limits>

#include "core/check.h"
#include "tokenizer/rank_queue.h"

namespace lathe::tokenizer {
namespace {
constexpr size_t kShort = 64;  // up to here, scanning all pairs for each merge beats a queue
constexpr uint32_t kNoMerge = std::numeric_limits<uint32_t>::max();  // PairMap::kAbsent, behind every rank
}  // namespace

void BpeMerger::add(int32_t left, int32_t right, int32_t rank) {
  ranks_.find_or_insert(left, right, rank);
  rank_count_ = std::max<int64_t>(rank_count_, int64_t{rank} + 1);
}

int64_t BpeMerger::merge(std::span<int32_t> symbols, std::vector<int32_t>& ids) const {
  if (symbols.size() <= kShort) return merge_short(symbols, ids);
  require(symbols.size() < kNoMerge, "[encode] one unsplittable piece of ", symbols.size(), " symbols");
  return merge_long(symbols, ids);
}

int64_t BpeMerger::merge_short(std::span<int32_t> symbols, std::vector<int32_t>& ids) const {
  std::array<uint32_t, kShort> ranks;  // of the pair (i, i + 1)
  size_t count = symbols.size();
  int64_t steps = 0;
  const auto rank = [&](size_t i) {
    return i + 1 < count ? static_cast<uint32_t>(ranks_.find(symbols[i], symbols[i + 1])) : kNoMerge;
  };
  for (size_t i = 0; i < count; ++i) ranks[i] = rank(i);
  while (count > 1) {
    size_t best = 0;
    for (size_t i = 1; i < count; ++i)
      if (ranks[i] < ranks[best]) best = i;
    steps += static_cast<int64_t>(count);
    if (ranks[best] == kNoMerge) break;
    symbols[best] = id_of(static_cast<int32_t>(ranks[best]));
    --count;
    for (size_t i = best + 1; i < count; ++i) {
      symbols[i] = symbols[i + 1];
      ranks[i] = ranks[i + 1];
    }
    ranks[best] = rank(best);
    if (best > 0) ranks[best - 1] = rank(best - 1);
  }
  ids.insert(ids.end(), symbols.begin(), symbols.begin() + static_cast<std::ptrdiff_t>(count));
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
  int32_t last_left = -1, last_right = -1, last_rank = PairMap::kAbsent;  // long rows are mostly repetitions
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
    const int32_t rank = next == end ? PairMap::kAbsent : rank_of(parts[i].id, parts[next].id);
    parts[i].rank = static_cast<uint32_t>(rank);
    if (rank >= 0) queue.push(rank, i);
  };
  for (uint32_t i = 0; i < end; ++i) parts[i] = {symbols[i], i - 1, i + 1, kNoMerge};
  for (uint32_t i = 0; i < end; ++i) queue_pair(i);
  while (!queue.empty()) {
    const auto [rank, i] = queue.pop();
    if (parts[i].rank != static_cast<uint32_t>(rank)) continue;  // merged or changed since it was queued
    const uint32_t gone = parts[i].next, next = parts[gone].next;
    parts[i].id = id_of(rank);
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
