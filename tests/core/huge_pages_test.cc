#include "core/huge_pages.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <new>
#include <vector>

namespace lathe {
namespace {

TEST(HugePages, VectorsOfAnySizeHoldTheirValues) {
  for (const size_t count : {size_t{0}, size_t{1}, size_t{1000}, size_t{262144}, size_t{600001}}) {
    std::vector<uint64_t, HugePages<uint64_t>> values(count, 7);
    for (size_t i = 0; i < count; ++i) values[i] += i;
    values.push_back(1);
    for (size_t i = 0; i < count; ++i) ASSERT_EQ(values[i], i + 7);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(values.data()) % 64, 0u);
    const uintptr_t place = reinterpret_cast<uintptr_t>(values.data());
    EXPECT_EQ(count * 8 >= size_t{2} << 20 ? place % (size_t{2} << 20) : 0, 0u);
  }
}

TEST(HugePages, MoreThanThereIsIsBadAlloc) {
  EXPECT_THROW(internal::allocate_huge(std::numeric_limits<size_t>::max() - 100), std::bad_alloc);
}

}  // namespace
}  // namespace lathe
