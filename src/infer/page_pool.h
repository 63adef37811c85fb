// The pages of a paged cache with the number of holders of each. A page goes back when its last holder lets go of it.
#pragma once

#include <cstdint>
#include <vector>

#include "model/paged_cache.h"

namespace lathe::infer {

// One thread.
class PagePool {
 public:
  explicit PagePool(model::PagedCache cache);

  int64_t pages() const { return static_cast<int64_t>(holders_.size()); }
  int64_t free() const { return static_cast<int64_t>(free_.size()); }
  int32_t take();                // a page with one holder; -1: none is free
  void hold(int32_t page);       // one holder more
  void let_go(int32_t page);     // one less
  bool is_shared(int32_t page) const { return holders_[static_cast<size_t>(page)] > 1; }
  // For a holder who is about to write: the page itself when it is his alone, else a copy that takes its place; -1: none is free.
  int32_t writable(int32_t page);

  model::PagedCache& cache() { return cache_; }

 private:
  model::PagedCache cache_;
  std::vector<int32_t> holders_;
  std::vector<int32_t> free_;  // the page that was let go of last comes first: it is the warmest
};

}  // namespace lathe::infer
