// Rows of Parquet files with bounded memory: string columns by name, read in small batches (a row group may be far
// larger than memory) and written with row groups of bounded size. parquet_rows_io.cc knows Apache Arrow,
// parquet_missing.cc answers in builds without it. Rows L-2.1, L-2.2, L-2.31.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/file.h"

namespace lathe::data {

// Forward through the texts of one file. One thread at a time.
class ParquetTexts {
 public:
  // `columns`: the first one that the file has is read; "a.b" is the field b of the struct a. None there: an error that
  // lists the file's columns.
  static Result<std::unique_ptr<ParquetTexts>> open(const fs::path& path, const std::vector<std::string>& columns);
  virtual ~ParquetTexts() = default;
  // The next rows, at most `most`; empty at the end. Bytes as they stand; a null is an empty text.
  virtual Status next(int64_t most, std::vector<std::string>& texts) = 0;
};

// The file appears under its name, whole, at close(); without it nothing remains. zstd, no dictionaries, no statistics.
class ParquetStrings {
 public:
  static Result<std::unique_ptr<ParquetStrings>> create(const fs::path& path, const std::vector<std::string>& columns);
  virtual ~ParquetStrings() = default;
  virtual Status add(const std::vector<std::string_view>& row) = 0;  // one valid UTF-8 value a column
  virtual Status close() = 0;
};

constexpr int64_t kStringsGroupRows = 1024, kStringsGroupBytes = 16 << 20;  // a row group is closed at either

}  // namespace lathe::data
