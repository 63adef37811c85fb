// Counts how many texts have been seen before, in bounded memory. Exact while at most `capacity` different texts were
// seen; beyond that, an estimate from a sample chosen by the hash of the text, which doubles its spacing as it fills.
#pragma once

#include <cstdint>
#include <string_view>
#include <unordered_map>

namespace lathe::tasks {

class RepeatCounter {
 public:
  explicit RepeatCounter(size_t capacity = size_t{1} << 21) : capacity_(capacity) {}
  static uint64_t hash(std::string_view text);
  void add(uint64_t hash);
  int64_t repeats() const;  // texts that had been seen before
  bool exact() const { return spacing_ == 1; }

 private:
  size_t capacity_;
  uint64_t spacing_ = 1;
  std::unordered_map<uint64_t, int64_t> counts_;
};

}  // namespace lathe::tasks
