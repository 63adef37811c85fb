// The memory bounds, measured: this file replaces operator new of the test program to know the peak of what is in use.
#include <gtest/gtest.h>
#include <malloc.h>

#include <atomic>
#include <cstdlib>
#include <new>
#include <string>
#include <vector>

#include "core/rng.h"
#include "corpus/duplicates.h"
#include "corpus/external_sort.h"
#include "corpus/signature_file.h"
#include "tests/ref/testing.h"

namespace {

std::atomic<int64_t> in_use{0}, peak{0};

void* metered_or_null(std::size_t bytes) noexcept {
  void* block = std::malloc(bytes == 0 ? 1 : bytes);
  if (block == nullptr) return nullptr;
  const auto size = static_cast<int64_t>(::malloc_usable_size(block));
  const int64_t now = in_use += size;
  int64_t most = peak;
  while (now > most && !peak.compare_exchange_weak(most, now)) {
  }
  return block;
}

void* metered(std::size_t bytes) {
  void* block = metered_or_null(bytes);
  if (block == nullptr) throw std::bad_alloc();
  return block;
}

// Out of line, or the compiler sees new and free() meet and warns.
[[gnu::noinline]] void released(void* block) {
  if (block != nullptr) in_use -= static_cast<int64_t>(::malloc_usable_size(block));
  std::free(block);
}

}  // namespace

void* operator new(std::size_t bytes) { return metered(bytes); }
void* operator new[](std::size_t bytes) { return metered(bytes); }
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept { return metered_or_null(bytes); }
void* operator new[](std::size_t bytes, const std::nothrow_t&) noexcept { return metered_or_null(bytes); }
void operator delete(void* block) noexcept { released(block); }
void operator delete[](void* block) noexcept { released(block); }
void operator delete(void* block, std::size_t) noexcept { released(block); }
void operator delete[](void* block, std::size_t) noexcept { released(block); }

namespace lathe::corpus {
namespace {

using testing::check;
using testing::take;

// The most bytes in use during work(), above what was in use before it.
template <class Work>
int64_t peak_of(Work&& work) {
  const int64_t before = in_use;
  peak = before;
  work();
  return peak - before;
}

// L-2.24: 16 MiB of records through a bound of 64 KiB, of 1 MiB, and all in memory
TEST(Memory, OfASortStaysWithinTheBound) {
  const TemporaryFolder folder;
  constexpr int64_t kRecords = 1 << 20;
  const auto sort = [&](int64_t memory) {
    ExternalSorter sorter = take(ExternalSorter::open({folder.path(), "test", memory}));
    Rng rng(1, "memory");
    for (int64_t i = 0; i < kRecords; ++i) check(sorter.add({rng.next_u64(), 0}));
    SortedRecords sorted = take(sorter.finish());
    SortRecord record;
    int64_t count = 0;
    while (take(sorted.next(record))) ++count;
    EXPECT_EQ(count, kRecords);
  };
  for (const int64_t memory : {kMinSortMemory, int64_t{1} << 20})
    EXPECT_LE(peak_of([&] { sort(memory); }), memory + (64 << 10) + 512 * (16 * kRecords / memory)) << memory;
  EXPECT_GE(peak_of([&] { sort(16 << 20); }), 16 << 20);
}

// L-2.24: 16 MiB of signatures and 4.5 MiB of sort records under 256 KiB, 16 bytes a document and 2 MiB
TEST(Memory, OfTheSearchOfDuplicatesStaysWithinTheBound) {
  constexpr int64_t kDocuments = 32000;
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "a.sig";
  const MinHasher hasher;
  {
    Rng rng(2, "memory");
    SignatureWriter writer = take(SignatureWriter::open(path, hasher.settings()));
    for (int64_t number = 0; number < kDocuments / 4; ++number) {
      SignatureBlock block(hasher);
      std::string text;
      for (int64_t i = 0; i < 4; ++i) {
        if (i % 2 == 0) text = std::to_string(rng.next_u64()) + " and " + std::to_string(rng.next_u64()) + " again";
        block.add(static_cast<uint64_t>(4 * number + i), i == 3 ? text + "." : text);
      }
      check(writer.write_block(number, std::move(block)));
    }
    take(writer.commit());
  }
  ASSERT_GT(fs::file_size(path), 16u << 20);
  DuplicateSettings settings;
  settings.memory_bytes = kMinDuplicateMemory;
  settings.folder = folder.path() / "work";
  const int64_t most = peak_of([&] {
    const Duplicates found = take(find_duplicates({{"all", {path}}}, settings));
    EXPECT_EQ(found.report.exact, kDocuments / 4);
    EXPECT_EQ(found.report.near, kDocuments / 4);
  });
  EXPECT_LE(most, kMinDuplicateMemory + 16 * kDocuments + (2 << 20));
}

}  // namespace
}  // namespace lathe::corpus
