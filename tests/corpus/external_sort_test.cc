#include "corpus/external_sort.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <csignal>
#include <vector>

#include "core/rng.h"
#include "tests/ref/testing.h"

namespace lathe::corpus {
namespace {

using testing::check;
using testing::take;

std::vector<SortRecord> random_records(int64_t count, uint64_t keys) {
  Rng rng(7, "records", static_cast<uint64_t>(count));
  std::vector<SortRecord> records;
  for (int64_t i = 0; i < count; ++i) records.push_back({rng.below(keys) << 50 | rng.below(3), rng.below(1000)});
  return records;
}

ExternalSorter filled(const fs::path& folder, int64_t memory, const std::vector<SortRecord>& records) {
  ExternalSorter sorter = take(ExternalSorter::open({folder, "test", memory}));
  for (const SortRecord& record : records) check(sorter.add(record));
  return sorter;
}

std::vector<SortRecord> all_of(SortedRecords sorted) {
  std::vector<SortRecord> records;
  SortRecord record;
  while (take(sorted.next(record))) records.push_back(record);
  EXPECT_FALSE(take(sorted.next(record)));
  return records;
}

int64_t files_in(const fs::path& folder) {
  return std::distance(fs::directory_iterator(folder), fs::directory_iterator());
}

// L-2.24: the same records in the same order in memory, with a few runs and with more runs than are merged at once
TEST(ExternalSort, OutputDoesNotDependOnTheMemoryBound) {
  const TemporaryFolder folder;
  for (const int64_t count : {0, 1, 4095, 4096, 4097, 200000}) {
    const std::vector<SortRecord> records = random_records(count, 5000);
    std::vector<SortRecord> expected = records;
    std::sort(expected.begin(), expected.end());
    for (const int64_t memory : {int64_t{64} << 10, int64_t{100001}, int64_t{1} << 20, int64_t{64} << 20}) {
      ExternalSorter sorter = filled(folder.path(), memory, records);
      EXPECT_EQ(sorter.records(), count);
      EXPECT_EQ(sorter.runs_written(), count == 0 ? 0 : (count - 1) / (memory / 16)) << count << " in " << memory;
      EXPECT_EQ(files_in(folder.path()), sorter.runs_written());
      const std::vector<SortRecord> sorted = all_of(take(sorter.finish()));
      ASSERT_TRUE(sorted == expected) << count << " records in " << memory;
      EXPECT_EQ(files_in(folder.path()), 0);
    }
  }
}

// L-2.24
TEST(ExternalSort, RunsAreRemovedWhenTheSortIsGivenUp) {
  const TemporaryFolder folder;
  {
    ExternalSorter sorter = filled(folder.path(), 64 << 10, random_records(50000, 9));
    EXPECT_GT(files_in(folder.path()), 5);
  }
  EXPECT_EQ(files_in(folder.path()), 0);
  {
    ExternalSorter sorter = filled(folder.path(), 64 << 10, random_records(50000, 9));
    SortedRecords sorted = take(sorter.finish());
    SortRecord record;
    EXPECT_TRUE(take(sorted.next(record)));
    EXPECT_GT(files_in(folder.path()), 5);
  }
  EXPECT_EQ(files_in(folder.path()), 0);
}

// T6: a run that was cut short between writing and reading, or while reading
TEST(ExternalSort, TruncatedRunIsAnErrorThatNamesIt) {
  const TemporaryFolder folder;
  {
    ExternalSorter sorter = filled(folder.path(), 64 << 10, random_records(20000, 9));
    fs::resize_file(folder.path() / "test.run-1.tmp", (64 << 10));
    const Result<SortedRecords> sorted = sorter.finish();
    ASSERT_FALSE(sorted.ok());
    EXPECT_NE(sorted.error().to_string().find("test.run-1.tmp"), std::string::npos) << sorted.error().to_string();
    EXPECT_NE(sorted.error().message.find("cut"), std::string::npos) << sorted.error().message;
  }
  EXPECT_EQ(files_in(folder.path()), 0);
  {
    ExternalSorter sorter = filled(folder.path(), 64 << 10, random_records(20000, 9));
    SortedRecords sorted = take(sorter.finish());
    fs::resize_file(folder.path() / "test.run-2.tmp", 40000);
    SortRecord record;
    Result<bool> more = true;
    while (more.ok() && more.value()) more = sorted.next(record);
    ASSERT_FALSE(more.ok());
    EXPECT_NE(more.error().to_string().find("test.run-2.tmp"), std::string::npos) << more.error().to_string();
    EXPECT_EQ(more.error().offset, 40000);
  }
  EXPECT_EQ(files_in(folder.path()), 0);
}

// Files may grow to `bytes` only while this lives: a write beyond fails as on a full disk.
class SmallDisk {
 public:
  explicit SmallDisk(rlim_t bytes) : signal_(std::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~SmallDisk() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, signal_);
  }

 private:
  rlimit before_{};
  void (*signal_)(int);
};

// L-2.24: what cannot be written is a clear error, of add() or of the merge of runs, and nothing stays behind
TEST(ExternalSort, FullDiskIsAnErrorThatNamesTheFile) {
  const TemporaryFolder folder;
  const std::vector<SortRecord> records = random_records(100000, 9);
  for (const int64_t limit : {int64_t{30000}, int64_t{70000}}) {
    {
      ExternalSorter sorter = take(ExternalSorter::open({folder.path(), "test", 64 << 10}));
      const SmallDisk disk(static_cast<rlim_t>(limit));
      Status status;
      for (size_t i = 0; i < records.size() && status.ok(); ++i) status = sorter.add(records[i]);
      EXPECT_EQ(status.ok(), limit > (64 << 10) + 16);
      std::string text;
      if (status.ok()) {
        const Result<SortedRecords> sorted = sorter.finish();
        ASSERT_FALSE(sorted.ok());
        text = sorted.error().to_string();
      } else {
        text = status.error().to_string();
      }
      EXPECT_NE(text.find((folder.path() / "test.run-").string()), std::string::npos) << text;
      EXPECT_NE(text.find("cannot write"), std::string::npos) << text;
      EXPECT_NE(text.find("free some space"), std::string::npos) << text;
    }
    EXPECT_EQ(files_in(folder.path()), 0);
  }
}

// L-2.24
TEST(ExternalSort, TooSmallABoundOrAFolderThatCannotBeMadeIsAnError) {
  const TemporaryFolder folder;
  EXPECT_FALSE(ExternalSorter::open({folder.path(), "test", kMinSortMemory - 1}).ok());
  check(write_file_atomic(folder.path() / "file", "x"));
  const auto opened = ExternalSorter::open({folder.path() / "file" / "below", "test", kMinSortMemory});
  ASSERT_FALSE(opened.ok());
  EXPECT_NE(opened.error().to_string().find("below"), std::string::npos);
}

}  // namespace
}  // namespace lathe::corpus
