// The byte-pair encoder over a ranked vocabulary (row C-2.17): a piece that is a token gives its id; else the adjacent
// pair whose joined bytes have the lowest id is merged, leftmost first, until none is left.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/bytes_map.h"
#include "tokenizer/pair_map.h"

namespace lathe::tokenizer {

// Immutable once built: safe to use from any number of threads.
class BpeEncoder {
 public:
  // tokens[id] are the token's bytes: distinct, not empty, all 256 single bytes among them (the loader checks that).
  explicit BpeEncoder(const std::vector<std::string>& tokens);

  int64_t size() const { return tokens_.size(); }
  std::string_view token(int32_t id) const { return tokens_.at(id); }

  // Appends the ids of one piece. O(n log n) for a piece of n bytes (trap T3); n < 2^32.
  void encode_piece(std::string_view piece, std::vector<int32_t>& ids) const;
  // The id of a piece that is itself a token, or -1.
  int32_t whole_token(std::string_view piece) const;

 private:
  void merge_short(std::string_view piece, std::vector<int32_t>& ids) const;
  void merge_long(std::string_view piece, std::vector<int32_t>& ids) const;
  int32_t byte_id(char byte) const { return byte_ids_[static_cast<uint8_t>(byte)]; }

  BytesMap tokens_;
  std::array<int32_t, 256> byte_ids_;
  PairMap merged_;  // (left, right) -> id of the joined bytes
};

}  // namespace lathe::tokenizer
