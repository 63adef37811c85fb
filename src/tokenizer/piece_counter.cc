#include "tokenizer/piece_counter.h"

#include <algorithm>
#include <utility>

#include "core/parallel.h"
#include "tokenizer/shards.h"

namespace lathe::tokenizer {
namespace {

void add_count(PieceCounter::Counts& counts, std::string_view piece, int64_t weight) {
  const int64_t index = counts.pieces.insert(piece);
  if (index == static_cast<int64_t>(counts.weights.size())) counts.weights.push_back(0);
  counts.weights[static_cast<size_t>(index)] += weight;
}

}  // namespace

PieceCounter::PieceCounter(const SplitPattern& split)
    : split_(split), parts_(static_cast<size_t>(std::max(1, num_threads()))) {}

void PieceCounter::add(std::span<const std::string_view> documents) {
  const std::vector<size_t> bounds = equal_shards(documents, parts_.size());
  parallel_for(static_cast<int64_t>(parts_.size()), 1, [&](int64_t first, int64_t last) {
    for (auto shard = static_cast<size_t>(first); shard < static_cast<size_t>(last); ++shard)
      for (size_t i = bounds[shard]; i < bounds[shard + 1]; ++i)
        for_each_piece(split_, documents[i], [&](std::string_view piece) { add_count(parts_[shard], piece, 1); });
  });
}

PieceCounter::Counts PieceCounter::take() {
  Counts sum = std::exchange(parts_[0], {});
  for (size_t part = 1; part < parts_.size(); ++part) {
    const Counts counts = std::exchange(parts_[part], {});
    for (int64_t i = 0; i < counts.pieces.size(); ++i)
      add_count(sum, counts.pieces.at(i), counts.weights[static_cast<size_t>(i)]);
  }
  return sum;
}

}  // namespace lathe::tokenizer
