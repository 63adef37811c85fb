#include "tokenizer/bytes_map.h"

#include "core/check.h"

namespace lathe::tokenizer {

// The key's slot, or the empty one where it belongs.
size_t BytesMap::locate(std::string_view key, uint64_t hash) const {
  const size_t mask = slots_.size() - 1;
  const auto tag = static_cast<uint32_t>(hash >> 32);
  size_t i = hash & mask;
  while (slots_[i].index_plus_one != 0 && (slots_[i].tag != tag || at(slots_[i].index_plus_one - int64_t{1}) != key))
    i = (i + 1) & mask;
  return i;
}

int64_t BytesMap::find(std::string_view key) const {
  return int64_t{slots_[locate(key, hash_bytes(key))].index_plus_one} - 1;
}

int64_t BytesMap::insert(std::string_view key) {
  const uint64_t hash = hash_bytes(key);
  size_t slot = locate(key, hash);
  if (slots_[slot].index_plus_one != 0) return int64_t{slots_[slot].index_plus_one} - 1;
  LATHE_CHECK(ends_.size() < 0xFFFFFFFE, "more than 2^32 - 2 keys");
  if ((ends_.size() + 1) * 2 > slots_.size()) {
    grow();
    slot = locate(key, hash);
  }
  bytes_.append(key);
  ends_.push_back(bytes_.size());
  slots_[slot] = {static_cast<uint32_t>(hash >> 32), static_cast<uint32_t>(ends_.size())};
  return size() - 1;
}

void BytesMap::grow() {
  slots_.assign(slots_.size() * 2, Slot{});
  const size_t mask = slots_.size() - 1;
  for (int64_t index = 0; index < size(); ++index) {
    const uint64_t hash = hash_bytes(at(index));
    size_t i = hash & mask;
    while (slots_[i].index_plus_one != 0) i = (i + 1) & mask;
    slots_[i] = {static_cast<uint32_t>(hash >> 32), static_cast<uint32_t>(index + 1)};
  }
}

}  // namespace lathe::tokenizer
