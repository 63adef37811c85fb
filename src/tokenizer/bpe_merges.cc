#include "tokenizer/bpe_merges.h"

#include <queue>

#include "core/check.h"
#include "tokenizer/pair_map.h"

namespace lathe::tokenizer {
namespace {

constexpr int32_t kDead = -1;      // a position inside a longer symbol
constexpr int32_t kBoundary = -2;  // between two pieces

// All distinct pieces in one row of positions, a boundary before, between and after them. A symbol lives at its first
// byte; span_ holds its length at its first and at its last byte, so both neighbours are found without links.
// A pair's positions are complete once the merge that made its newer id is done, hence ascending and never extended:
// later merges only make some of them stale.
class Learner {
 public:
  Learner(const BytesMap& pieces, std::span<const int64_t> weights) : weights_(weights) {
    const auto positions = static_cast<size_t>(pieces.total_bytes() + pieces.size() + 1);
    symbols_.reserve(positions);
    piece_of_.reserve(positions);
    put(kBoundary, 0);
    for (int64_t piece = 0; piece < pieces.size(); ++piece) {
      for (const char byte : pieces.at(piece)) put(static_cast<uint8_t>(byte), piece);
      put(kBoundary, piece);
    }
    span_.assign(positions, 1);
    for (uint32_t at = 1; at + 1 < positions; ++at)
      if (symbols_[at] >= 0 && symbols_[at + 1] >= 0) add(at, at + 1);
    push_new_pairs(0);
  }

  std::vector<Merge> run(int64_t count, int64_t min_count) {
    std::vector<Merge> merges;
    while (static_cast<int64_t>(merges.size()) < count) {
      const int32_t best = pop_best();
      if (best < 0 || pairs_[static_cast<size_t>(best)].count < min_count) break;
      merges.push_back(pairs_[static_cast<size_t>(best)].ids);
      const size_t known = pairs_.size();
      apply(best, static_cast<int32_t>(255 + merges.size()));
      push_new_pairs(known);
    }
    return merges;
  }

 private:
  struct Pair {
    Merge ids;
    int64_t count = 0;
    std::vector<uint32_t> positions;  // of the left symbol
  };
  // A count that was true when it was pushed; counts of known pairs only fall, so a stale top is pushed back mended.
  struct Candidate {
    int64_t count;
    Merge ids;
    int32_t pair;
    bool operator<(const Candidate& other) const {
      return count != other.count ? count < other.count : ids > other.ids;
    }
  };

  void put(int32_t symbol, int64_t piece) {
    symbols_.push_back(symbol);
    piece_of_.push_back(static_cast<uint32_t>(piece));
  }

  int64_t weight_at(uint32_t at) const { return weights_[piece_of_[at]]; }

  void add(uint32_t left, uint32_t right) {
    const int32_t fresh = static_cast<int32_t>(pairs_.size());
    const int32_t index = index_.find_or_insert(symbols_[left], symbols_[right], fresh);
    if (index == fresh) pairs_.push_back({{symbols_[left], symbols_[right]}, 0, {}});
    Pair& pair = pairs_[static_cast<size_t>(index)];
    pair.count += weight_at(left);
    pair.positions.push_back(left);
  }

  void remove(uint32_t left, uint32_t right) {
    const int32_t index = index_.find(symbols_[left], symbols_[right]);
    LATHE_CHECK(index >= 0, "pair (", symbols_[left], ", ", symbols_[right], ") was never counted");
    pairs_[static_cast<size_t>(index)].count -= weight_at(left);
  }

  void push_new_pairs(size_t first) {
    for (size_t i = first; i < pairs_.size(); ++i)
      candidates_.push({pairs_[i].count, pairs_[i].ids, static_cast<int32_t>(i)});
  }

  int32_t pop_best() {
    while (!candidates_.empty()) {
      const Candidate top = candidates_.top();
      candidates_.pop();
      const int64_t count = pairs_[static_cast<size_t>(top.pair)].count;
      if (count == top.count) return top.pair;
      if (count > 0) candidates_.push({count, top.ids, top.pair});
    }
    return -1;
  }

  void apply(int32_t pair, int32_t id) {
    const auto [left_id, right_id] = pairs_[static_cast<size_t>(pair)].ids;
    const std::vector<uint32_t> positions = std::move(pairs_[static_cast<size_t>(pair)].positions);
    for (const uint32_t left : positions) {
      if (symbols_[left] != left_id) continue;
      const uint32_t right = left + span_[left];
      if (symbols_[right] != right_id) continue;
      const uint32_t end = right + span_[right];
      const uint32_t before = left - span_[left - 1];
      if (symbols_[before] >= 0) remove(before, left);
      if (symbols_[end] >= 0) remove(right, end);
      symbols_[left] = id;
      symbols_[right] = kDead;
      span_[left] = span_[end - 1] = end - left;
      if (symbols_[before] >= 0) add(before, left);
      if (symbols_[end] >= 0) add(left, end);
    }
    pairs_[static_cast<size_t>(pair)].count = 0;
  }

  std::span<const int64_t> weights_;
  std::vector<int32_t> symbols_;
  std::vector<uint32_t> piece_of_, span_;
  std::vector<Pair> pairs_;
  PairMap index_;
  std::priority_queue<Candidate> candidates_;
};

}  // namespace

Result<std::vector<Merge>> learn_merges(const BytesMap& pieces, std::span<const int64_t> weights, int64_t count,
                                        int64_t min_count) {
  require(static_cast<int64_t>(weights.size()) == pieces.size(), "[learn_merges] ", weights.size(), " weights for ",
          pieces.size(), " pieces");
  require(min_count >= 1, "[learn_merges] min_count must be at least 1, got ", min_count);
  if (pieces.total_bytes() + pieces.size() + 1 > int64_t{0xFFFFFFFE})
    return error("the distinct pieces of the training text hold ", pieces.total_bytes(),
                 " bytes, more than 4 GiB: train on less text (--max-chars)");
  return Learner(pieces, weights).run(count, min_count);
}

}  // namespace lathe::tokenizer
