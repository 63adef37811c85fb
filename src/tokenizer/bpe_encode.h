// The byte-pair encoder over a ranked vocabulary (row C-2.17): a piece that is a token gives its id; else adjacent
// tokens are merged, the pair of the lowest rank first, leftmost of equals, until none is left.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tokenizer/bpe_merger.h"
#include "tokenizer/bytes_map.h"

namespace lathe::tokenizer {

struct BpeVocabulary {
  std::vector<std::string> tokens;  // bytes by id; an empty one is an id that no token has
  // By rank: the ids that may be joined. None: any two tokens whose joined bytes are a token may, and that token's id
  // is the rank (tiktoken's rule, which is all that a rank file holds).
  std::vector<std::pair<int32_t, int32_t>> merges = {};
  bool whole_pieces = true;  // false: a piece that is a token still goes through the merges
};

// Immutable once built: safe to use from any number of threads.
class BpeEncoder {
 public:
  // The tokens are distinct, all 256 single bytes among them; a merge joins two of them to a third (loaders check
  // that).
  explicit BpeEncoder(const BpeVocabulary& vocabulary);

  int64_t size() const { return static_cast<int64_t>(index_of_id_.size()); }  // highest id + 1
  std::string_view token(int32_t id) const {                                  // empty when no token has this id
    const int32_t index = index_of_id_[static_cast<size_t>(id)];
    return index < 0 ? std::string_view() : tokens_.at(index);
  }

  // Appends the ids of one piece. Linear in its n bytes for rows of a repeated pattern, O(n log n) at worst (trap T3);
  // n < 2^32 - 1. Returns the elementary steps of merging.
  int64_t encode_piece(std::string_view piece, std::vector<int32_t>& ids) const;
  // The id of a piece that is itself a token and is taken whole, or -1.
  int32_t whole_token(std::string_view piece) const;

 private:
  int32_t find(std::string_view bytes) const {
    const int64_t index = tokens_.find(bytes);
    return index < 0 ? -1 : id_of_index_[static_cast<size_t>(index)];
  }
  void add_every_split(std::string_view token, int32_t id, std::vector<PairRanks::Pair>& pairs) const;
  std::vector<PairRanks::Pair> possible_merges(const BpeVocabulary& vocabulary) const;
  int32_t byte_id(char byte) const { return byte_ids_[static_cast<uint8_t>(byte)]; }

  BytesMap tokens_;
  // Bit h: a token with the hash h; tells of most pieces that they are none, without a look at the table.
  std::vector<uint64_t> token_bits_;
  std::vector<int32_t> id_of_index_, index_of_id_;
  std::array<int32_t, 256> byte_ids_;
  BpeMerger merger_;
  bool whole_pieces_;
};

}  // namespace lathe::tokenizer
