// A split of a hosted chat or evaluation set (smol-smoltalk, MMLU, ARC, GSM8K, HumanEval), as `lathe download` leaves it below
// <base>/hosted/NAME: rows as Json objects, shuffled once with NumPy's default_rng(42). Rows C-1.17, C-1.18.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "data/record_set.h"

namespace lathe::data {

inline constexpr uint64_t kHostedSetSeed = 42;

// The files of a split, sorted by name: SPLIT.ENDING or SPLIT-*.ENDING with parquet, jsonl, jsonl.gz or jsonl.zst, in
// <folder>/<config>, else in <folder>/data, else in <folder>. None is an error that names the folder and the command to run.
Result<std::vector<fs::path>> hosted_files(const fs::path& folder, const std::string& config, const std::string& split);

// Memory: 32 bytes a row. Reading is thread-safe.
class HostedSet {
 public:
  static Result<std::unique_ptr<HostedSet>> open(const std::vector<fs::path>& files, uint64_t seed = kHostedSetSeed);

  int64_t size() const { return static_cast<int64_t>(order_.size()); }
  int64_t source_row(int64_t index) const;  // of the files one after the other
  Result<Json> row(int64_t index) const;    // 0 <= index < size(), in the shuffled order
  Error error_in(int64_t index, std::string_view message) const { return rows_->error_in(source_row(index), message); }

 private:
  HostedSet() = default;
  std::unique_ptr<RecordSet> rows_;
  std::vector<int64_t> order_;
};

}  // namespace lathe::data
