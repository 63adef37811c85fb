#include "tokenizer/bpe_merges.h"

#include <algorithm>
#include <string>

#include "core/check.h"
#include "tokenizer/position_lists.h"

namespace lathe::tokenizer {
namespace {

// What stands at a place: below kInside the number of the pair that begins there, else one of these.
constexpr uint32_t kInside = 0x80000000;    // | length of the symbol that ends here, at its last byte
constexpr uint32_t kLast = 0xC0000000;      // | the symbol that begins here and ends its piece
constexpr uint32_t kBoundary = 0xFFFFFFFF;  // between two pieces
constexpr uint32_t kNoPair = 0xFFFFFFFF;
constexpr size_t kMaxPlaces = size_t{1} << 30;  // then there are fewer than 2^31 pairs, two for each merge in a place
constexpr size_t kLookAhead = 12;               // places fetched before they are needed

// All distinct pieces in one row of places, a boundary before, between and after them. A symbol lives at its first byte,
// which names the pair that it begins; a symbol's length is known by its id, and stands at its last byte for the
// neighbour behind it. So no pair is ever looked up by its ids: a pair with the newest symbol is found by the neighbour
// alone, and all others are known already.
// A pair's list of places is complete when it is made (when its newer symbol is, or by a walk over all places), hence
// ascending and never extended: later merges only make some of them stale.
class Learner {
 public:
  Learner(WeightedPieces pieces, const MergeRules& rules)
      : rules_(rules), tokens_(rules.ties == Ties::kGreaterBytes ? tokens_of_merges({}, rules) : std::vector<std::string>()) {
    lengths_.assign(256, 1);
    before_.assign(256, kNoPair);
    after_.assign(256, kNoPair);
    weights_ = std::move(pieces.weights);
    lay_out(pieces);
  }

  std::vector<Merge> run(int64_t count) {
    std::vector<Merge> merges;
    while (static_cast<int64_t>(merges.size()) < count) {
      const uint32_t best = pop_best();
      if (best == kNoPair) break;
      const auto [left, right] = pairs_[best].ids;
      merges.emplace_back(left, right);
      if (!tokens_.empty()) tokens_.push_back(tokens_[index(left)] + tokens_[index(right)]);
      lengths_.push_back(lengths_[index(left)] + lengths_[index(right)]);
      before_.push_back(kNoPair);
      after_.push_back(kNoPair);
      apply(best, static_cast<int32_t>(255 + merges.size()));
    }
    return merges;
  }

 private:
  struct Place {
    uint32_t code, piece;
  };
  struct Pair {
    int64_t count;
    Merge ids;
    uint32_t places;  // that hold it now
  };
  struct List {
    uint32_t* places;  // null: the pair is below the threshold
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
    std::array<uint32_t, 256> id_of{};
    for (uint32_t id = 0; id < 256; ++id) id_of[rules_.bytes[id]] = id;
    std::vector<uint32_t> pair_of(1 << 16, kNoPair);
    places_.reserve(pieces.bytes.size() + static_cast<size_t>(pieces.size()) + 1);
    places_.push_back({kBoundary, 0});
    for (int64_t piece = 0; piece < pieces.size(); ++piece) {
      const std::string_view bytes = pieces.at(piece);
      const auto number = static_cast<uint32_t>(piece);
      for (size_t i = 0; i + 1 < bytes.size(); ++i) {
        const uint32_t left = id_of[static_cast<uint8_t>(bytes[i])], right = id_of[static_cast<uint8_t>(bytes[i + 1])];
        uint32_t& pair = pair_of[left << 8 | right];
        if (pair == kNoPair) pair = new_pair({static_cast<int32_t>(left), static_cast<int32_t>(right)});
        pairs_[pair].count += weights_[number];
        ++pairs_[pair].places;
        places_.push_back({pair, number});
      }
      places_.push_back({kLast | id_of[static_cast<uint8_t>(bytes.back())], number});
      places_.push_back({kBoundary, 0});
    }
    for (const Pair& pair : pairs_) threshold_ = std::max(threshold_, pair.count + 1);
  }

  uint32_t new_pair(Merge ids) {
    pairs_.push_back({0, ids, 0});
    lists_.push_back({nullptr, 0});
    return static_cast<uint32_t>(pairs_.size() - 1);
  }

  bool comes_later(const Candidate& a, const Candidate& b) const {
    if (a.count != b.count) return a.count < b.count;
    if (tokens_.empty()) return a.ids > b.ids;
    const int first = tokens_[index(a.ids.first)].compare(tokens_[index(b.ids.first)]);
    return first != 0 ? first < 0 : tokens_[index(a.ids.second)] < tokens_[index(b.ids.second)];
  }
  void push(uint32_t pair) {
    candidates_.push_back({pairs_[pair].count, pairs_[pair].ids, pair});
    std::push_heap(candidates_.begin(), candidates_.end(), [this](const auto& a, const auto& b) { return comes_later(a, b); });
  }
  Candidate pop() {
    std::pop_heap(candidates_.begin(), candidates_.end(), [this](const auto& a, const auto& b) { return comes_later(a, b); });
    const Candidate top = candidates_.back();
    candidates_.pop_back();
    return top;
  }

  uint32_t pop_best() {
    for (;;) {
      while (!candidates_.empty()) {
        const Candidate top = pop();
        const int64_t count = pairs_[top.pair].count;
        if (count == top.count) return top.pair;
        if (count >= threshold_) push(top.pair);
      }
      if (threshold_ <= rules_.min_count) return kNoPair;
      lower_threshold();
    }
  }

  // The heap, and with it the lists of places, hold the pairs above a threshold alone: most pairs are rare and never
  // come near the top. When the heap is empty no list is of use any more; all are made anew.
  void lower_threshold() {
    threshold_ = std::max(rules_.min_count, threshold_ / 16);
    memory_.clear();
    for (uint32_t pair = 0; pair < pairs_.size(); ++pair) {
      lists_[pair] = {nullptr, 0};
      if (pairs_[pair].count < threshold_) continue;
      lists_[pair].places = memory_.allocate(pairs_[pair].places);
      push(pair);
    }
    for (size_t at = 0; at < places_.size();) {
      const uint32_t code = places_[at].code;
      if (code < kInside) {
        if (List& list = lists_[code]; list.places) list.places[list.size++] = static_cast<uint32_t>(at);
        at += lengths_[index(pairs_[code].ids.first)];
      } else {
        at += code == kBoundary ? 1 : lengths_[code ^ kLast];
      }
    }
  }

  // Joins all occurrences of the pair to `id`.
  void apply(uint32_t pair, int32_t id) {
    const auto first_new = static_cast<uint32_t>(pairs_.size());
    const List list = lists_[pair];
    const uint32_t left_length = lengths_[index(pairs_[pair].ids.first)], length = lengths_[index(id)];
    found_.clear();
    for (size_t i = 0; i < list.size; ++i) {
      if (i + kLookAhead < list.size) __builtin_prefetch(&places_[list.places[i + kLookAhead]]);
      const uint32_t at = list.places[i];
      if (places_[at].code != pair) continue;
      const int64_t weight = weights_[places_[at].piece];
      if (const uint32_t behind = places_[at - 1].code; behind != kBoundary) {
        const uint32_t before = at - (behind >= kInside ? behind ^ kInside : 1);
        const int32_t left = drop(places_[before].code, weight).first;
        places_[before].code = found(before_[index(left)], {left, id}, before, weight);
      }
      if (const uint32_t next = places_[at + left_length].code; next < kInside) {
        const int32_t right = drop(next, weight).second;
        places_[at].code = found(after_[index(right)], {id, right}, at, weight);
      } else {
        places_[at].code = kLast | static_cast<uint32_t>(id);
      }
      places_[at + left_length].code = kInside;
      places_[at + length - 1].code = kInside | length;
    }
    pairs_[pair].count = pairs_[pair].places = 0;
    keep_new(first_new, id);
  }

  Merge drop(uint32_t pair, int64_t weight) {
    Pair& one = pairs_[pair];
    one.count -= weight;
    --one.places;
    return one.ids;
  }

  uint32_t found(uint32_t& pair, Merge ids, uint32_t at, int64_t weight) {
    if (pair == kNoPair) pair = new_pair(ids);
    pairs_[pair].count += weight;
    ++pairs_[pair].places;
    found_.push_back({pair, at});
    return pair;
  }

  // Sorts what apply() found and did not lose again by pair, and forgets the neighbours.
  void keep_new(uint32_t first, int32_t id) {
    for (uint32_t pair = first; pair < pairs_.size(); ++pair) {
      const auto [left, right] = pairs_[pair].ids;
      (right == id ? before_[index(left)] : after_[index(right)]) = kNoPair;
      if (pairs_[pair].count < threshold_) continue;
      lists_[pair].places = memory_.allocate(pairs_[pair].places);
      push(pair);
    }
    for (const auto& [pair, at] : found_)
      if (List& list = lists_[pair]; list.places && places_[at].code == pair) list.places[list.size++] = at;
  }

  const MergeRules& rules_;
  std::vector<std::string> tokens_;  // for the comparison of bytes alone
  std::vector<uint32_t> lengths_;    // of symbols, in bytes
  std::vector<int64_t> weights_;     // of pieces
  std::vector<Place> places_;
  std::vector<Pair> pairs_;
  std::vector<List> lists_;  // of pairs
  PositionLists memory_;     // of the lists
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
  if (pieces.bytes.size() + pieces.ends.size() + 1 > kMaxPlaces)
    return error("the distinct pieces of the training text hold ", pieces.bytes.size(),
                 " bytes, more than 1 GiB: train on less text (--max-chars)");
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
