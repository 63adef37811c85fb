// Open-addressing map from a pair of token ids to a 32-bit value.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

namespace lathe::tokenizer {

inline uint64_t pair_key(int32_t left, int32_t right) {
  return uint64_t{static_cast<uint32_t>(left)} << 32 | static_cast<uint32_t>(right);
}

// Ids are >= 0. Not thread-safe while inserting.
class PairMap {
 public:
  static constexpr int32_t kAbsent = -1;

  PairMap() : slots_(1024) {}

  int64_t size() const { return size_; }
  int32_t find(int32_t left, int32_t right) const { return slots_[locate(pair_key(left, right))].value; }
  // The value of the pair; when it is absent, `value` (>= 0) is put there first.
  int32_t find_or_insert(int32_t left, int32_t right, int32_t value) {
    const uint64_t key = pair_key(left, right);
    size_t slot = locate(key);
    if (slots_[slot].value != kAbsent) return slots_[slot].value;
    if (static_cast<size_t>(size_ + 1) * 2 > slots_.size()) {
      grow();
      slot = locate(key);
    }
    slots_[slot] = {key, value};
    ++size_;
    return value;
  }

 private:
  struct Slot {
    uint64_t key = 0;
    int32_t value = kAbsent;
  };
  size_t locate(uint64_t key) const {
    const size_t mask = slots_.size() - 1;
    const uint64_t product = key * 0x9E3779B97F4A7C15;
    size_t i = (product ^ product >> 32) & mask;
    while (slots_[i].value != kAbsent && slots_[i].key != key) i = (i + 1) & mask;
    return i;
  }
  void grow() {
    std::vector<Slot> old(slots_.size() * 2);
    old.swap(slots_);
    for (const Slot& slot : old)
      if (slot.value != kAbsent) slots_[locate(slot.key)] = slot;
  }

  std::vector<Slot> slots_;  // a power of two, at most half full
  int64_t size_ = 0;
};

}  // namespace lathe::tokenizer
