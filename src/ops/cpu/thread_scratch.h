// Working memory of one thread of a kernel: grows to the largest request and is kept, so that in steady state a kernel
// asks the system for nothing. One kernel call at a time uses it.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>

#include "tensor/arena.h"

namespace lathe::ops::cpu {

class ThreadScratch {
 public:
  // At least `count` floats, aligned to Arena::kAlignment, not initialised; the former contents are lost.
  float* floats(int64_t count) {
    if (count > count_) {
      constexpr int64_t kStep = Arena::kAlignment / int64_t{sizeof(float)};
      count_ = (count + kStep - 1) / kStep * kStep;
      memory_.reset(static_cast<float*>(
          std::aligned_alloc(static_cast<size_t>(Arena::kAlignment), static_cast<size_t>(count_) * sizeof(float))));
      if (memory_ == nullptr) throw std::bad_alloc();
    }
    return memory_.get();
  }

 private:
  struct Free {
    void operator()(float* memory) const { std::free(memory); }
  };
  std::unique_ptr<float, Free> memory_;
  int64_t count_ = 0;
};

// Cuts a scratch into parts, each on a vector boundary.
class ScratchParts {
 public:
  explicit ScratchParts(float* memory) : next_(memory) {}
  float* take(int64_t count) {
    float* part = next_;
    next_ += (count + 15) / 16 * 16;
    return part;
  }

 private:
  float* next_;
};

}  // namespace lathe::ops::cpu
