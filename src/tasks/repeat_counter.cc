#include "tasks/repeat_counter.h"

#include <cstring>

namespace lathe::tasks {

uint64_t RepeatCounter::hash(std::string_view text) {
  uint64_t hash = 0x9E3779B97F4A7C15u ^ text.size();
  for (size_t i = 0; i < text.size(); i += 8) {
    uint64_t word = 0;
    std::memcpy(&word, text.data() + i, text.size() - i < 8 ? text.size() - i : 8);
    hash = (hash ^ word) * 0xBF58476D1CE4E5B9u;
    hash ^= hash >> 29;
  }
  hash = (hash ^ (hash >> 30)) * 0x94D049BB133111EBu;
  return hash ^ (hash >> 31);
}

void RepeatCounter::add(uint64_t hash) {
  if (hash % spacing_ != 0) return;
  ++counts_[hash];
  while (counts_.size() > capacity_) {
    spacing_ *= 2;
    std::erase_if(counts_, [&](const auto& entry) { return entry.first % spacing_ != 0; });
  }
}

int64_t RepeatCounter::repeats() const {
  int64_t seen = 0;
  for (const auto& [hash, count] : counts_) seen += count - 1;
  return seen * static_cast<int64_t>(spacing_);
}

}  // namespace lathe::tasks
