// Documents with their id and source, in blocks, for the packer. Reading and decompressing is serial, taking a block apart
// is not: decode() may run on any thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/file.h"

namespace lathe::data {

struct Record {
  std::string text;
  std::string source;
  std::string id;
};

// Either records, or lines of JSON that decode() turns into records.
struct RecordBlock {
  fs::path file;
  int64_t first_line = 0;  // number of the first of `lines`, from 1
  std::string lines;       // each ended by LF
  std::vector<Record> records;
};

// One thread at a time.
class RecordReader {
 public:
  virtual ~RecordReader() = default;
  // The next block, about `bytes` of text; false at the end.
  virtual Result<bool> next(RecordBlock& block, int64_t bytes) = 0;

  // JSON lines of {"text", "source", "id"} (a corpus folder): "content" stands in for "text", a missing source is the
  // file's name, a missing id the file's name and the line.
  static std::unique_ptr<RecordReader> jsonl(std::vector<fs::path> files);
  // Anything data::Corpus reads: source and id are the file's name, the id with group and place (formats/corpus.md).
  static Result<std::unique_ptr<RecordReader>> corpus(const fs::path& file_or_folder);
};

// Turns lines into records. A line that is not such an object is an error that names file and line.
Status decode(RecordBlock& block);

}  // namespace lathe::data
