#include "core/huge_pages.h"

#include <sys/mman.h>

#include <cstdlib>
#include <new>

namespace lathe::internal {

constexpr size_t kHugePage = size_t{2} << 20, kLine = 64;

void* allocate_huge(size_t bytes) {
  const size_t unit = bytes >= kHugePage ? kHugePage : kLine;
  const size_t rounded = (bytes + unit - 1) / unit * unit;
  void* memory = rounded < bytes ? nullptr : std::aligned_alloc(unit, rounded);
  if (!memory) throw std::bad_alloc();
#ifdef MADV_HUGEPAGE
  if (unit == kHugePage) madvise(memory, rounded, MADV_HUGEPAGE);  // an advice: refused, the memory serves as well
#endif
  return memory;
}

void free_huge(void* memory) { std::free(memory); }

}  // namespace lathe::internal
