// Sorting more records than fit into memory: sorted runs on disk, then a k-way merge (Knuth, TAOCP 3, 5.4).
// Records come out by (key, value), equal ones as often as they went in; so the output is the same whatever the memory
// bound and whatever the order of input. Row L-2.24.
//
// Memory: at most the bound plus 64 KiB and 512 bytes a run, while adding and while reading. Disk: the runs, 16 bytes a
// record, and for a moment twice that for a part of them when there are more runs than are merged at once. Nothing is
// written when all records fit into the bound. Run files are removed by the destructors, on success and on error; a
// killed process leaves <name>.run-<n>.tmp files, which the next sort of that name replaces. One thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "core/file.h"

namespace lathe::corpus {

struct SortRecord {
  uint64_t key = 0, value = 0;
  friend auto operator<=>(const SortRecord&, const SortRecord&) = default;
};

struct SortSettings {
  fs::path folder;   // made when missing
  std::string name;  // of the run files; sorts that live at the same time in one folder need different ones
  int64_t memory_bytes = 64 << 20;
};

inline constexpr int64_t kMinSortMemory = 64 << 10;

class SortedRecords {
 public:
  struct State;
  explicit SortedRecords(std::unique_ptr<State> state);
  SortedRecords(SortedRecords&&) noexcept;
  ~SortedRecords();
  // The next record; false after the last one. A run that was cut short or changed in length is an error that names it.
  Result<bool> next(SortRecord& record);

 private:
  std::unique_ptr<State> state_;
};

class ExternalSorter {
 public:
  // A bound below kMinSortMemory is an error.
  static Result<ExternalSorter> open(SortSettings settings);
  ExternalSorter(ExternalSorter&&) noexcept;
  ~ExternalSorter();

  // An error (disk full: names the run file) ends the sorter: its files go with it.
  Status add(SortRecord record);
  // Once, after the last add().
  Result<SortedRecords> finish();
  int64_t records() const;
  int64_t runs_written() const;  // runs spilled by add()

 private:
  struct State;
  explicit ExternalSorter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace lathe::corpus
