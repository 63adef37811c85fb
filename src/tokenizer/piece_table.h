// The table behind the counting of pieces: nearly all are at most 15 bytes long and live in a slot of 24 bytes together
// with their count, so that a look-up touches one cache line; longer ones go to a table of strings.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "tokenizer/bytes_map.h"
#include "tokenizer/weighted_pieces.h"

namespace lathe::tokenizer {

// One thread.
class PieceTable {
 public:
  // Stays below about `memory` bytes, growing and listing included; a small table is always there.
  explicit PieceTable(int64_t memory);

  // Adds to the count of a piece of at least one byte. False: the piece is new, the table is full and nothing changed.
  // `readable_end`: bytes may be read up to there.
  bool add(std::string_view piece, const char* readable_end, int64_t weight = 1) {
    if (piece.size() > kInline) return add_long(piece, weight);
    return add_short(key_of(piece, readable_end), weight);
  }

  int64_t size() const { return size_ + long_.size(); }

  struct Entry {
    std::string_view piece;  // as long as nothing is added
    int64_t weight;
  };
  std::vector<Entry> entries() const;  // in no order
  void clear();                        // keeps the room

 private:
  static constexpr size_t kInline = 15;
  struct Key {
    uint64_t low, high;  // the bytes as they stand in memory, then zeros; the last byte is the length
  };
  struct Slot {
    Key key;
    int64_t weight = 0;  // 0: empty
  };

  static Key key_of(std::string_view piece, const char* readable_end) {
    const size_t n = piece.size();
    Key key = {0, 0};
    if (readable_end - piece.data() >= 16) {
      std::memcpy(&key, piece.data(), 16);
      if (n < 8) {
        key.low &= (uint64_t{1} << 8 * n) - 1;
        key.high = 0;
      } else {
        key.high &= (uint64_t{1} << 8 * (n - 8)) - 1;
      }
    } else {
      std::memcpy(&key, piece.data(), n);
    }
    key.high |= uint64_t{n} << 56;
    return key;
  }
  static size_t hash(const Key& key) {
    uint64_t x = (key.low ^ key.high >> 29) * 0x9E3779B97F4A7C15;
    x = (x ^ x >> 32 ^ key.high) * 0xD6E8FEB86659FD93;
    return static_cast<size_t>(x ^ x >> 32);
  }
  bool add_short(const Key& key, int64_t weight) {
    for (size_t i = hash(key) & mask_;; i = (i + 1) & mask_) {
      Slot& slot = slots_[i];
      if (slot.key.low == key.low && slot.key.high == key.high) {
        slot.weight += weight;
        return true;
      }
      if (slot.weight == 0) return insert(i, key, weight);
    }
  }
  bool insert(size_t slot, const Key& key, int64_t weight);
  bool add_long(std::string_view piece, int64_t weight);

  std::vector<Slot> slots_;  // a power of two
  size_t mask_, max_slots_;
  int64_t size_ = 0;
  BytesMap long_;
  std::vector<int64_t> long_weights_;
  int64_t long_memory_, max_long_memory_;
};

}  // namespace lathe::tokenizer
