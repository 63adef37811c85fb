#include "tokenizer/piece_cache.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace lathe::tokenizer {
namespace {

constexpr int kFirstBits = 12, kLastBits = 18;  // log2 of the buckets
constexpr size_t kLongSlots = size_t{1} << 12, kMostMany = size_t{1} << 20, kFlush = size_t{1} << 16;
constexpr size_t kShort = 15, kLong = 31;

// Masks of the first n bytes of 16, as two words.
constexpr auto kMasks = [] {
  std::array<std::array<uint64_t, 2>, kShort + 1> masks{};
  for (size_t n = 0; n <= kShort; ++n) {
    masks[n][0] = n >= 8 ? ~uint64_t{0} : (uint64_t{1} << 8 * n) - 1;
    masks[n][1] = n <= 8 ? 0 : (uint64_t{1} << 8 * (n - 8)) - 1;
  }
  return masks;
}();

uint64_t load(const char* from) {
  uint64_t word;
  std::memcpy(&word, from, sizeof word);
  return word;
}

}  // namespace

PieceCache::PieceCache() : buckets_(size_t{1} << kFirstBits), long_slots_(kLongSlots), shift_(64 - kFirstBits) {}

inline size_t PieceCache::index_of(const Key& key) const {
  return (key.low * 0x9E3779B97F4A7C15 ^ key.high * 0xC2B2AE3D27D4EB4F) >> shift_;
}

void PieceCache::encode(const BpeEncoder& encoder, const SplitPattern& split, std::string_view text,
                        std::vector<int32_t>& ids) {
  if (split.foreign) {
    for_each_piece(split, text, [&](std::string_view piece) {
      const size_t end = piece.size();
      if (out_.size() < end + kInSlot + 1) out_.resize(end + kInSlot + 1);
      const int32_t* last = encode_group(encoder, piece, 0, std::span(&end, 1), out_.data());
      ids.insert(ids.end(), static_cast<const int32_t*>(out_.data()), last);
    });
    return;
  }
  PieceReader reader(split, text);
  size_t begin = 0, used = 0;
  for (auto ends = reader.next(); !ends.empty(); ends = reader.next()) {
    // A piece has no more ids than bytes; kInSlot + 1 are written whatever their number.
    const size_t room = used + (ends.back() - begin) + kInSlot + 1;
    if (out_.size() < room) out_.resize(std::max(room, 2 * out_.size()));
    used = static_cast<size_t>(encode_group(encoder, text, begin, ends, out_.data() + used) - out_.data());
    begin = ends.back();
    if (used >= kFlush) {
      ids.insert(ids.end(), out_.begin(), out_.begin() + static_cast<std::ptrdiff_t>(used));
      used = 0;
    }
  }
  ids.insert(ids.end(), out_.begin(), out_.begin() + static_cast<std::ptrdiff_t>(used));
  if (out_.size() > 16 * kFlush) out_ = {};  // after one huge piece
}

// Keys first, then what stands at them: the table is larger than the cache next to the core, and so its lines are all
// on their way while keys are made.
int32_t* PieceCache::encode_group(const BpeEncoder& encoder, std::string_view text, size_t begin,
                                  std::span<const size_t> ends, int32_t* out) {
  size_t at = begin;
  for (size_t i = 0; i < ends.size(); ++i) {
    const char* bytes = text.data() + at;
    const size_t size = std::min(ends[i] - at, kShort);
    Key key;
    if (at + 16 <= text.size()) {
      key = {load(bytes), load(bytes + 8)};
    } else {
      char padded[16] = {};
      std::memcpy(padded, bytes, size);
      key = {load(padded), load(padded + 8)};
    }
    key.low &= kMasks[size][0];
    key.high = (key.high & kMasks[size][1]) | uint64_t{size} << 56;
    keys_[i] = key;
    __builtin_prefetch(&buckets_[places_[i] = index_of(key)]);
    at = ends[i];
  }
  at = begin;
  for (size_t i = 0; i < ends.size(); ++i) {
    const Slot& slot = buckets_[places_[i]].proven;
    const size_t size = ends[i] - at;
    if (size <= kShort && slot.holds(keys_[i]) && slot.count <= static_cast<int32_t>(kInSlot)) {
      std::memcpy(out, slot.ids, sizeof(int32_t) * (kInSlot + 1));  // the count with them: one store
      out += slot.count;
    } else {
      const std::string_view piece = text.substr(at, size);
      const bool grown = missed_ == 0;
      out = size > kShort ? long_piece(encoder, piece, out) : short_piece(encoder, piece, keys_[i], out);
      if (missed_ == 0 && !grown)
        for (size_t k = i + 1; k < ends.size(); ++k) places_[k] = index_of(keys_[k]);
    }
    at = ends[i];
  }
  return out;
}

int32_t* PieceCache::short_piece(const BpeEncoder& encoder, std::string_view piece, const Key& key, int32_t* out) {
  Bucket& bucket = buckets_[index_of(key)];
  const bool probation = bucket.probation.holds(key);
  if (probation) std::swap(bucket.proven, bucket.probation);
  if (probation || bucket.proven.holds(key)) {
    const Slot& slot = bucket.proven;
    return slot.count <= static_cast<int32_t>(kInSlot) ? std::copy_n(slot.ids, slot.count, out)
                                                       : std::copy_n(many_.begin() + slot.ids[0], slot.count, out);
  }
  new_ids_.clear();
  encoder.encode_piece(piece, new_ids_);
  remember(key);
  return std::copy(new_ids_.begin(), new_ids_.end(), out);
}

int32_t* PieceCache::long_piece(const BpeEncoder& encoder, std::string_view piece, int32_t* out) {
  LongSlot fresh;
  LongSlot* slot = nullptr;
  if (piece.size() <= kLong) {
    std::memcpy(fresh.key, piece.data(), piece.size());
    fresh.key[3] |= uint64_t{piece.size()} << 56;
    slot = &long_slots_[hash_bytes(piece) >> 32 & (kLongSlots - 1)];
    if (std::equal(fresh.key, fresh.key + 4, slot->key)) return std::copy_n(slot->ids, slot->count, out);
  }
  new_ids_.clear();
  encoder.encode_piece(piece, new_ids_);
  if (slot && new_ids_.size() <= kInLongSlot) {
    std::copy(new_ids_.begin(), new_ids_.end(), fresh.ids);
    fresh.count = static_cast<int32_t>(new_ids_.size());
    *slot = fresh;
  }
  return std::copy(new_ids_.begin(), new_ids_.end(), out);
}

void PieceCache::remember(const Key& key) {
  if (++missed_ > buckets_.size() && shift_ > 64 - kLastBits) grow();
  Slot fresh{key, {}, static_cast<int32_t>(new_ids_.size())};
  if (new_ids_.size() <= kInSlot) {
    std::copy(new_ids_.begin(), new_ids_.end(), fresh.ids);
  } else {
    if (many_.size() + new_ids_.size() > kMostMany) {
      for (Bucket& bucket : buckets_)
        for (Slot* slot : {&bucket.proven, &bucket.probation})
          if (slot->count > static_cast<int32_t>(kInSlot)) *slot = {};
      many_.clear();
    }
    fresh.ids[0] = static_cast<int32_t>(many_.size());
    many_.insert(many_.end(), new_ids_.begin(), new_ids_.end());
  }
  put(fresh);
}

void PieceCache::grow() {
  const Buckets old = std::move(buckets_);
  buckets_.assign(old.size() * 4, Bucket{});
  shift_ -= 2;
  missed_ = 0;
  for (const Bucket& bucket : old)
    for (const Slot* slot : {&bucket.proven, &bucket.probation})
      if (slot->count > 0) put(*slot);
}

void PieceCache::put(const Slot& slot) {
  Bucket& bucket = buckets_[index_of(slot.key)];
  (bucket.proven.count == 0 ? bucket.proven : bucket.probation) = slot;
}

std::unique_ptr<PieceCache> PieceCachePool::take() {
  const std::lock_guard lock(mutex_);
  if (free_.empty()) return nullptr;
  auto cache = std::move(free_.back());
  free_.pop_back();
  return cache;
}

void PieceCachePool::give(std::unique_ptr<PieceCache> cache) {
  const std::lock_guard lock(mutex_);
  free_.push_back(std::move(cache));
}

}  // namespace lathe::tokenizer
