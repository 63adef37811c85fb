// Pieces with their ids, remembered from text to text: text repeats its words. A new piece may push out another one
// of the same hash; memory is bounded.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

#include "core/huge_pages.h"
#include "tokenizer/bpe_encode.h"
#include "tokenizer/split.h"

namespace lathe::tokenizer {

// For one encoder and one thread at a time.
class PieceCache {
 public:
  PieceCache();

  // Appends the ids of the text's pieces.
  void encode(const BpeEncoder& encoder, const SplitPattern& split, std::string_view text, std::vector<int32_t>& ids);

  // Bytes that a cache holds at most, beside its output's buffer.
  static constexpr size_t kMostBytes = size_t{21} << 20;

 private:
  static constexpr size_t kInSlot = 3, kInLongSlot = 7;
  struct Key {
    uint64_t low, high;  // at most 15 bytes, in the last one of high their number
  };
  // One piece of at most 15 bytes.
  struct Slot {
    Key key{0, 0};              // no piece has the length 0
    int32_t ids[kInSlot] = {};  // with more: ids[0] is where they begin in many_
    int32_t count = 0;
    bool holds(const Key& wanted) const { return key.low == wanted.low && key.high == wanted.high; }
  };
  // Two pieces of one hash, a cache line. A new piece stands on probation, where the next one pushes it out, until it is
  // looked up again: rare words do not drive out frequent ones.
  struct alignas(64) Bucket {
    Slot proven, probation;
  };
  // One piece of 16 to 31 bytes with at most kInLongSlot ids.
  struct alignas(64) LongSlot {
    uint64_t key[4] = {};  // in the last byte their number
    int32_t ids[kInLongSlot] = {};
    int32_t count = 0;
  };

  int32_t* encode_group(const BpeEncoder& encoder, std::string_view text, size_t begin, std::span<const size_t> ends,
                        int32_t* out);
  int32_t* short_piece(const BpeEncoder& encoder, std::string_view piece, const Key& key, int32_t* out);
  int32_t* long_piece(const BpeEncoder& encoder, std::string_view piece, int32_t* out);
  void remember(const Key& key);
  void grow();
  void put(const Slot& slot);
  size_t index_of(const Key& key) const;

  using Buckets = std::vector<Bucket, HugePages<Bucket>>;
  Buckets buckets_;
  std::vector<LongSlot> long_slots_;
  std::vector<int32_t> many_;
  int shift_;           // 64 - log2 of the number of buckets
  size_t missed_ = 0;   // since the table had its present size
  std::vector<int32_t> new_ids_, out_;
  std::array<Key, PieceReader::kMost> keys_;  // of a group of pieces, and their buckets
  std::array<size_t, PieceReader::kMost> places_;
};

// The caches of one encoder, each lent to one thread at a time. Thread-safe.
class PieceCachePool {
 public:
  std::unique_ptr<PieceCache> take();  // the one given back last, else null
  void give(std::unique_ptr<PieceCache> cache);

 private:
  std::mutex mutex_;
  std::vector<std::unique_ptr<PieceCache>> free_;
};

}  // namespace lathe::tokenizer
