// The records of files by number, in the files' order: lines of .jsonl (also .gz, .zst), items of a .json array, rows of .parquet.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/file.h"
#include "core/json.h"
#include "core/result.h"

namespace lathe::data {

// Memory: 24 bytes a record; plain .jsonl files stay where they are, of the others a copy lies in a temporary file without a name.
class RecordSet {
 public:
  // Reads all files once. What is no JSON, or neither an object nor (with `arrays`) an array, is an error that names its line.
  static Result<std::unique_ptr<RecordSet>> open(const std::vector<fs::path>& files, bool arrays = false);
  static const std::vector<std::string>& endings();

  int64_t size() const { return static_cast<int64_t>(records_.size()); }
  // 0 <= index < size(). Thread-safe.
  Result<Json> record(int64_t index) const;
  // An error about record `index`: "FILE: line 7: ..." (row, item).
  Error error_in(int64_t index, std::string_view message) const;

 private:
  struct Part {
    fs::path path;
    const char* unit;
    MappedFile text;
    int64_t first;  // record
  };
  struct Record {
    int64_t begin, bytes, number;
  };
  RecordSet() = default;
  Status add_file(const fs::path& path, bool arrays);
  Status map_lines(const fs::path& path, bool arrays);
  const Part& part_of(int64_t index) const;
  std::vector<Part> parts_;
  std::vector<Record> records_;
};

}  // namespace lathe::data
