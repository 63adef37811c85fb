#include "tokenizer/bpe_merges.h"

#include <algorithm>
#include <string>

#include "core/check.h"
#include "tokenizer/position_lists.h"

namespace lathe::tokenizer {
namespace {

constexpr int32_t kBoundary = -1;          // the symbol between two pieces
constexpr uint32_t kNoPair = 0xFFFFFFFF;   // nothing begins here, or it ends its piece
constexpr size_t kLookAhead = 12;          // positions fetched before they are needed

// All distinct pieces in one row of places, a boundary before, between and after them. A symbol lives at its first
// byte; `span` holds its length at its first and at its last byte, so both neighbours are found without links. `pair`
// names the pair that begins at a symbol, so that no pair is ever looked up by its ids: a pair with the newest symbol
// is found by the neighbour alone, and all others are known already.
// A pair's positions are complete once the merge that made its newer id is done, hence ascending and never extended:
// later merges only make some of them stale.
class Learner {
 public:
  Learner(WeightedPieces pieces, const MergeRules& rules)
      : rules_(rules), tokens_(rules.ties == Ties::kGreaterBytes ? tokens_of_merges({}, rules) : std::vector<std::string>()) {
    lay_out(pieces);
    weights_ = std::move(pieces.weights);
    pieces = {};
    count_bytes();
    before_.assign(256, kNoPair);
    after_.assign(256, kNoPair);
  }

  std::vector<Merge> run(int64_t count) {
    std::vector<Merge> merges;
    while (static_cast<int64_t>(merges.size()) < count) {
      const uint32_t best = pop_best();
      if (best == kNoPair) break;
      const Merge ids = ids_[best];
      merges.push_back(ids);
      if (!tokens_.empty()) tokens_.push_back(tokens_[index(ids.first)] + tokens_[index(ids.second)]);
      before_.push_back(kNoPair);
      after_.push_back(kNoPair);
      apply(best, static_cast<int32_t>(255 + merges.size()));
    }
    return merges;
  }

 private:
  struct Place {
    int32_t symbol;
    uint32_t span, piece, pair;
  };
  struct Positions {
    uint32_t* list;
    uint32_t size;
  };
  // A count that was true when it was pushed. Counts only fall, so a stale top is pushed back mended.
  struct Candidate {
    int64_t count;
    Merge ids;
    uint32_t pair;
  };
  struct Found {
    uint32_t pair, at;
  };

  static size_t index(int32_t id) { return static_cast<size_t>(id); }

  void lay_out(const WeightedPieces& pieces) {
    std::array<int32_t, 256> id_of{};
    for (size_t id = 0; id < 256; ++id) id_of[rules_.bytes[id]] = static_cast<int32_t>(id);
    places_.reserve(pieces.bytes.size() + static_cast<size_t>(pieces.size()) + 1);
    places_.push_back({kBoundary, 1, 0, kNoPair});
    for (int64_t piece = 0; piece < pieces.size(); ++piece) {
      const auto number = static_cast<uint32_t>(piece);
      for (const char byte : pieces.at(piece)) places_.push_back({id_of[static_cast<uint8_t>(byte)], 1, number, kNoPair});
      places_.push_back({kBoundary, 1, number, kNoPair});
    }
  }

  void count_bytes() {
    std::vector<int64_t> counts(1 << 16, 0);
    std::vector<uint32_t> sizes(1 << 16, 0), pair_of(1 << 16, kNoPair);
    const auto code = [&](size_t at) { return index(places_[at].symbol) << 8 | index(places_[at + 1].symbol); };
    const auto for_each_pair = [&](auto&& body) {
      for (size_t at = 1; at + 1 < places_.size(); ++at)
        if (places_[at].symbol >= 0 && places_[at + 1].symbol >= 0) body(at);
    };
    for_each_pair([&](size_t at) {
      counts[code(at)] += weights_[places_[at].piece];
      ++sizes[code(at)];
    });
    for (size_t i = 0; i < counts.size(); ++i) {
      if (sizes[i] == 0) continue;
      pair_of[i] = new_pair({static_cast<int32_t>(i >> 8), static_cast<int32_t>(i & 255)});
      counts_.back() = counts[i];
      positions_.back() = {lists_.allocate(sizes[i]), 0};
      threshold_ = std::max(threshold_, counts[i]);
    }
    ++threshold_;
    for_each_pair([&](size_t at) {
      const uint32_t pair = pair_of[code(at)];
      places_[at].pair = pair;
      positions_[pair].list[positions_[pair].size++] = static_cast<uint32_t>(at);
    });
  }

  uint32_t new_pair(Merge ids) {
    ids_.push_back(ids);
    counts_.push_back(0);
    positions_.push_back({nullptr, 0});
    return static_cast<uint32_t>(ids_.size() - 1);
  }

  bool comes_later(const Candidate& a, const Candidate& b) const {
    if (a.count != b.count) return a.count < b.count;
    if (tokens_.empty()) return a.ids > b.ids;
    const int first = tokens_[index(a.ids.first)].compare(tokens_[index(b.ids.first)]);
    return first != 0 ? first < 0 : tokens_[index(a.ids.second)] < tokens_[index(b.ids.second)];
  }
  void push(uint32_t pair) {
    candidates_.push_back({counts_[pair], ids_[pair], pair});
    std::push_heap(candidates_.begin(), candidates_.end(), [this](const auto& a, const auto& b) { return comes_later(a, b); });
  }
  Candidate pop() {
    std::pop_heap(candidates_.begin(), candidates_.end(), [this](const auto& a, const auto& b) { return comes_later(a, b); });
    const Candidate top = candidates_.back();
    candidates_.pop_back();
    return top;
  }

  // The heap holds the pairs above a threshold alone, which is halved when it is empty: most pairs are rare and never
  // come near the top.
  uint32_t pop_best() {
    for (;;) {
      while (!candidates_.empty()) {
        const Candidate top = pop();
        const int64_t count = counts_[top.pair];
        if (count == top.count) return top.pair;
        if (count >= threshold_) push(top.pair);
      }
      if (threshold_ <= rules_.min_count) return kNoPair;
      threshold_ = std::max(rules_.min_count, threshold_ / 2);
      for (uint32_t pair = 0; pair < counts_.size(); ++pair)
        if (counts_[pair] >= threshold_) push(pair);
    }
  }

  // Joins all occurrences of the pair to `id`.
  void apply(uint32_t pair, int32_t id) {
    const auto first_new = static_cast<uint32_t>(ids_.size());
    const Positions positions = positions_[pair];
    found_.clear();
    for (size_t i = 0; i < positions.size; ++i) {
      if (i + kLookAhead < positions.size) __builtin_prefetch(&places_[positions.list[i + kLookAhead]]);
      const uint32_t at = positions.list[i];
      Place& left = places_[at];
      if (left.pair != pair) continue;
      Place& right = places_[at + left.span];
      const uint32_t end = at + left.span + right.span, before_at = at - places_[at - 1].span;
      Place& before = places_[before_at];
      const int64_t weight = weights_[left.piece];
      if (before.symbol >= 0) {
        counts_[before.pair] -= weight;
        uint32_t& fresh = before_[index(before.symbol)];
        if (fresh == kNoPair) fresh = new_pair({before.symbol, id});
        before.pair = found(fresh, before_at, weight);
      }
      if (const int32_t next = places_[end].symbol; next >= 0) {
        counts_[right.pair] -= weight;
        uint32_t& fresh = after_[index(next)];
        if (fresh == kNoPair) fresh = new_pair({id, next});
        left.pair = found(fresh, at, weight);
      } else {
        left.pair = kNoPair;
      }
      right.pair = kNoPair;
      left.symbol = id;
      left.span = places_[end - 1].span = end - at;
    }
    counts_[pair] = 0;
    keep_new(first_new, id);
  }

  uint32_t found(uint32_t pair, uint32_t at, int64_t weight) {
    counts_[pair] += weight;
    ++positions_[pair].size;
    found_.push_back({pair, at});
    return pair;
  }

  // Sorts what apply() found by pair, and forgets the neighbours.
  void keep_new(uint32_t first, int32_t id) {
    for (uint32_t pair = first; pair < ids_.size(); ++pair) {
      const auto [left, right] = ids_[pair];
      (right == id ? before_[index(left)] : after_[index(right)]) = kNoPair;
      positions_[pair].list = lists_.allocate(positions_[pair].size);
      positions_[pair].size = 0;
      if (counts_[pair] >= threshold_) push(pair);
    }
    for (const auto& [pair, at] : found_) positions_[pair].list[positions_[pair].size++] = at;
  }

  const MergeRules& rules_;
  std::vector<std::string> tokens_;  // for the comparison of bytes alone
  std::vector<int64_t> weights_;     // of pieces
  std::vector<Place> places_;
  std::vector<Merge> ids_;  // of pairs, like the next two
  std::vector<int64_t> counts_;
  std::vector<Positions> positions_;
  PositionLists lists_;
  std::vector<uint32_t> before_, after_;  // the new pair of the newest symbol with the token before or after it
  std::vector<Found> found_;
  std::vector<Candidate> candidates_;  // a heap
  int64_t threshold_ = 0;
};

}  // namespace

Result<std::vector<Merge>> learn_merges(WeightedPieces pieces, int64_t count, const MergeRules& rules) {
  require(pieces.weights.size() == pieces.ends.size(), "[learn_merges] ", pieces.weights.size(), " weights for ",
          pieces.size(), " pieces");
  require(rules.min_count >= 1, "[learn_merges] min_count must be at least 1, got ", rules.min_count);
  if (pieces.bytes.size() + pieces.ends.size() + 1 > 0x7FFFFFFE)
    return error("the distinct pieces of the training text hold ", pieces.bytes.size(),
                 " bytes, more than 2 GiB: train on less text (--max-chars)");
  return Learner(std::move(pieces), rules).run(count);
}

std::vector<std::string> tokens_of_merges(const std::vector<Merge>& merges, const MergeRules& rules) {
  std::vector<std::string> tokens;
  for (const uint8_t byte : rules.bytes) tokens.emplace_back(1, static_cast<char>(byte));
  for (const auto& [left, right] : merges) {
    const auto known = static_cast<int32_t>(tokens.size());
    require(left >= 0 && left < known && right >= 0 && right < known, "[tokens_of_merges] merge ", known - 256,
            " joins ids that do not exist yet");
    tokens.push_back(tokens[static_cast<size_t>(left)] + tokens[static_cast<size_t>(right)]);
  }
  return tokens;
}

}  // namespace lathe::tokenizer
