// Parquet behind one door: parquet_io.cc knows Apache Arrow, parquet_missing.cc answers in builds without it.
// Rows C-1.11, C-1.33.
#pragma once

#include <memory>
#include <string_view>

#include "data/document_file.h"

namespace lathe::data {

bool parquet_available();

// Reads the string column `text`; a group is a row group. Empty values are empty documents, nulls are none. Invalid
// UTF-8 becomes U+FFFD.
Result<std::unique_ptr<DocumentFile>> open_parquet(const fs::path& path);

// Writes one column `text`: row groups of 1024 documents, zstd level 3, no dictionary, no statistics. Holds one row
// group in memory. The file appears under its name, whole, at close(); without close() nothing remains.
class ParquetWriter {
 public:
  static Result<std::unique_ptr<ParquetWriter>> create(const fs::path& path, int64_t group_documents = kGroupDocuments);
  virtual ~ParquetWriter() = default;
  virtual Status add(std::string_view text) = 0;  // valid UTF-8
  virtual Status close() = 0;
};

// What a Parquet file is made of, from its footer: to check files before they are used, and our own.
struct ParquetShape {
  std::vector<int64_t> group_documents;  // rows of each row group
  std::vector<std::string> columns;
  std::string compression;  // of column `text`: "zstd", "snappy", "uncompressed", ...
  bool dictionary = false;  // any chunk of it is coded by a dictionary
  bool statistics = false;  // any chunk of it carries minimum and maximum
};
Result<ParquetShape> parquet_shape(const fs::path& path);

}  // namespace lathe::data
