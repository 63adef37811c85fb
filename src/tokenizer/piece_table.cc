#include "tokenizer/piece_table.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace lathe::tokenizer {
namespace {

constexpr size_t kFirstSlots = 1024;
constexpr int64_t kBytesPerSlot = 24 + 16;   // and the list of a table that is two thirds full
constexpr int64_t kBytesPerLong = 64;        // of the string table, its growth and the list, beside the bytes themselves

}  // namespace

PieceTable::PieceTable(int64_t memory)
    : slots_(kFirstSlots), mask_(kFirstSlots - 1), long_memory_(0), max_long_memory_(std::max(memory / 4, int64_t{1} << 14)) {
  const auto affordable = static_cast<size_t>(std::max<int64_t>(memory - memory / 4, 0) / kBytesPerSlot);
  max_slots_ = std::max(std::bit_floor(affordable), kFirstSlots);
}

bool PieceTable::insert(size_t slot, const Key& key, int64_t weight) {
  if (static_cast<size_t>(size_ + 1) * 3 > slots_.size() * 2) {
    if (slots_.size() >= max_slots_) return false;
    std::vector<Slot> old(slots_.size() * 2);
    old.swap(slots_);
    mask_ = slots_.size() - 1;
    const auto free_slot = [&](const Key& wanted) {
      size_t i = hash(wanted) & mask_;
      while (slots_[i].weight != 0) i = (i + 1) & mask_;
      return i;
    };
    for (const Slot& one : old)
      if (one.weight != 0) slots_[free_slot(one.key)] = one;
    slot = free_slot(key);
  }
  slots_[slot] = {key, weight};
  ++size_;
  return true;
}

bool PieceTable::add_long(std::string_view piece, int64_t weight) {
  if (int64_t index = long_.find(piece); index >= 0) {
    long_weights_[static_cast<size_t>(index)] += weight;
    return true;
  }
  // The arena of bytes may be half empty. One piece is always taken, however long.
  const int64_t needed = 2 * static_cast<int64_t>(piece.size()) + kBytesPerLong;
  if (long_.size() > 0 && long_memory_ + needed > max_long_memory_) return false;
  long_memory_ += needed;
  long_.insert(piece);
  long_weights_.push_back(weight);
  return true;
}

std::vector<PieceTable::Entry> PieceTable::entries() const {
  std::vector<Entry> list;
  list.reserve(static_cast<size_t>(size()));
  for (const Slot& slot : slots_)
    if (slot.weight != 0) list.push_back({{reinterpret_cast<const char*>(&slot.key), slot.key.high >> 56}, slot.weight});
  for (int64_t i = 0; i < long_.size(); ++i) list.push_back({long_.at(i), long_weights_[static_cast<size_t>(i)]});
  return list;
}

void PieceTable::clear() {
  std::fill(slots_.begin(), slots_.end(), Slot{});
  size_ = 0;
  long_ = {};
  long_weights_.clear();
  long_memory_ = 0;
}

}  // namespace lathe::tokenizer
