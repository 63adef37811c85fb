// Lists of positions, one for each pair of tokens, of known length when they are made: pieces of large blocks, so that
// millions of short lists cost no allocation each.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace lathe::tokenizer {

class PositionLists {
 public:
  // Room for n positions, until clear().
  uint32_t* allocate(size_t n) {
    if (n > left_) {
      left_ = std::max(n, kBlock);
      blocks_.push_back(std::make_unique_for_overwrite<uint32_t[]>(left_));
      next_ = blocks_.back().get();
    }
    left_ -= n;
    uint32_t* const list = next_;
    next_ += n;
    return list;
  }
  void clear() {
    blocks_.clear();
    left_ = 0;
  }

 private:
  static constexpr size_t kBlock = 1 << 18;  // positions
  std::vector<std::unique_ptr<uint32_t[]>> blocks_;
  uint32_t* next_ = nullptr;
  size_t left_ = 0;
};

}  // namespace lathe::tokenizer
