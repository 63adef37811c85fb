#include "infer/page_pool.h"

#include <utility>

#include "core/check.h"

namespace lathe::infer {

PagePool::PagePool(model::PagedCache cache) : cache_(std::move(cache)), holders_(static_cast<size_t>(cache_.pages()), 0) {
  for (int64_t page = cache_.pages() - 1; page >= 0; --page) free_.push_back(static_cast<int32_t>(page));
}

int32_t PagePool::take() {
  if (free_.empty()) return -1;
  const int32_t page = free_.back();
  free_.pop_back();
  holders_[static_cast<size_t>(page)] = 1;
  return page;
}

void PagePool::hold(int32_t page) {
  int32_t& holders = holders_.at(static_cast<size_t>(page));
  LATHE_CHECK(holders > 0, "page ", page, " is free");
  ++holders;
}

void PagePool::let_go(int32_t page) {
  int32_t& holders = holders_.at(static_cast<size_t>(page));
  LATHE_CHECK(holders > 0, "page ", page, " is free already");
  if (--holders == 0) free_.push_back(page);
}

int32_t PagePool::writable(int32_t page) {
  if (!is_shared(page)) return page;
  const int32_t copy = take();
  if (copy < 0) return -1;
  cache_.copy_page(copy, page);
  let_go(page);
  return copy;
}

}  // namespace lathe::infer
