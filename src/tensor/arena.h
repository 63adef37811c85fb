// An arena gives tensors their memory from one slab and takes it back when the last tensor lets go. The same sequence
// of requests gives the same offsets, so a run on the meta device measures exactly the slab a real run needs: after
// reserve(measured) steady-state work asks the system for nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "tensor/device.h"

namespace lathe {

class Arena {
 public:
  static constexpr int64_t kAlignment = 64;  // bytes: a cache line, and the widest vector

  explicit Arena(Device device = Device::kCpu);
  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  // Gets the slab from the system, all pages touched (so that a lack of memory shows now). Only while empty.
  void reserve(int64_t bytes);

  // A block of at least `bytes` (best fit, lowest offset first); grows by a new slab when none fits.
  struct Block {
    std::byte* data = nullptr;  // null on the meta device
    int64_t offset = 0, bytes = 0;
    int32_t slab = 0;
  };
  Block allocate(int64_t bytes);
  void release(const Block& block);

  Device device() const { return device_; }
  int64_t bytes_in_use() const { return in_use_; }
  int64_t peak_bytes() const { return peak_; }     // highest end offset ever used, over all slabs
  int64_t growths() const { return growths_; }     // slabs taken because reserve() was too small
  void reset_peak();

 private:
  struct Slab {
    std::byte* data = nullptr;
    int64_t bytes = 0;
  };
  struct Hole {
    int32_t slab;
    int64_t offset, bytes;
  };
  void add_slab(int64_t bytes);
  Device device_;
  std::vector<Slab> slabs_;
  std::vector<Hole> holes_;  // sorted by (slab, offset), neighbours merged
  int64_t in_use_ = 0, peak_ = 0, growths_ = 0;
};

}  // namespace lathe
