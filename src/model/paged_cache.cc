#include "model/paged_cache.h"

#include <sys/mman.h>

#include <cstdint>

namespace lathe::model {
namespace {

// A sequence's pages lie far apart: with the system's small pages nearly every one of them would cost the processor a walk through
// its tables, with pages of 2 MB few do. An advice: refused, the memory serves as well.
Tensor with_huge_pages(Tensor tensor) {
#ifdef MADV_HUGEPAGE
  constexpr uintptr_t kHugePage = uintptr_t{2} << 20;
  const auto address = reinterpret_cast<uintptr_t>(tensor.raw());
  const uintptr_t begin = (address + kHugePage - 1) / kHugePage * kHugePage, end = (address + static_cast<uintptr_t>(tensor.bytes())) / kHugePage * kHugePage;
  if (begin < end) madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
#endif
  return tensor;
}

}  // namespace

PagedCache::PagedCache(const ModelConfig& config, int64_t pages, DType activation, KvFormat format) : pages_(pages), format_(format) {
  static_assert(kPositions == ops::kPagePositions);
  require(pages >= 1 && pages <= INT32_MAX / kPositions, "[paged_cache] ", pages, " pages; between 1 and ", INT32_MAX / kPositions, " are possible");
  const bool coded = format == KvFormat::kInt8;
  const auto tensor = [&] {
    ops::PagedTensor out;
    out.data = with_huge_pages(Tensor::empty({pages, config.n_kv_head, kPositions, config.head_width()}, coded ? DType::kUInt8 : activation));
    if (coded) out.scales = Tensor::empty({pages, config.n_kv_head, kPositions}, DType::kFloat32);
    return out;
  };
  for (int64_t layer = 0; layer < config.n_layer; ++layer) {
    keys_.push_back(tensor());
    values_.push_back(tensor());
  }
}

int64_t PagedCache::bytes() const {
  int64_t sum = 0;
  for (const auto* part : {&keys_, &values_})
    for (const ops::PagedTensor& pages : *part) sum += pages.data.bytes() + (pages.scales ? pages.scales.bytes() : 0);
  return sum;
}

int64_t PagedCache::bytes_per_page(const ModelConfig& config, DType activation, KvFormat format) {
  const int64_t head = format == KvFormat::kInt8 ? config.head_width() + dtype_size(DType::kFloat32) : config.head_width() * dtype_size(activation);
  return 2 * config.n_layer * config.n_kv_head * kPositions * head;
}

void PagedCache::copy_page(int64_t to, int64_t from) {
  require(to >= 0 && to < pages_ && from >= 0 && from < pages_, "[paged_cache] page ", from, " to page ", to, " of ", pages_);
  if (to == from) return;
  const auto copy = [&](const Tensor& tensor) {
    if (tensor) tensor.rows(to, to + 1).copy_from(tensor.rows(from, from + 1));
  };
  for (const auto* part : {&keys_, &values_})
    for (const ops::PagedTensor& pages : *part) copy(pages.data), copy(pages.scales);
}

}  // namespace lathe::model
