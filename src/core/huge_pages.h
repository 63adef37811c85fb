// An allocator for tables that are read all over: the system is asked for pages of 2 MB, so that their addresses stay
// in the processor's list of pages. Where it has none to give, they are pages of the usual size.
#pragma once

#include <cstddef>

namespace lathe {

namespace internal {
void* allocate_huge(size_t bytes);  // throws std::bad_alloc
void free_huge(void* memory);
}  // namespace internal

// For std::vector<T, HugePages<T>>. Memory comes at multiples of 64 bytes at least.
template <class T>
struct HugePages {
  using value_type = T;
  HugePages() = default;
  template <class Other>
  HugePages(const HugePages<Other>&) {}
  T* allocate(size_t count) { return static_cast<T*>(internal::allocate_huge(count * sizeof(T))); }
  void deallocate(T* memory, size_t) { internal::free_huge(memory); }
  friend bool operator==(const HugePages&, const HugePages&) { return true; }
};

}  // namespace lathe
