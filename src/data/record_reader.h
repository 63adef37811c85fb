// Documents with their id and source, in blocks, for the packer. Reading and decompressing is serial, taking a block
// apart is not: decode() may run on any thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "data/document_file.h"
#include "data/line_reader.h"

namespace lathe::data {

struct Record {
  std::string text;
  std::string source;
  std::string id;
};

// Lines of JSON, or records as they are.
struct RecordBlock {
  std::string file;        // of all of it, relative to the reader's root
  int64_t first_line = 0;  // number of the first of `lines`, from 1
  std::string lines;       // each ended by LF
  std::vector<Record> records;
};

// One thread at a time.
class RecordReader {
 public:
  // Any files with the endings of data::document_endings(). JSON lines are {"text", "source", "id"} objects as a corpus
  // folder has them: "content" stands in for "text", a missing source is the file's name, a missing id file#line. In
  // the other forms the source is the file's name and the id file#number. Names are relative to `root`.
  RecordReader(std::vector<fs::path> files, fs::path root) : files_(std::move(files)), root_(std::move(root)) {}

  // The next block, about `bytes` of text; false at the end.
  Result<bool> next(RecordBlock& block, int64_t bytes);

 private:
  Result<bool> next_lines(RecordBlock& block, int64_t bytes);
  Result<bool> next_group(RecordBlock& block);

  std::vector<fs::path> files_;
  fs::path root_;
  size_t file_ = 0;  // that is read
  std::unique_ptr<LineReader> lines_;
  std::unique_ptr<DocumentFile> documents_;
  int64_t group_ = 0, document_ = 0;
  std::vector<std::string> texts_;
};

// Turns lines into records, in place of what `records` held. Documents without text are left out. A line that is not
// such an object is an error that names file and line.
Status decode(RecordBlock& block);

}  // namespace lathe::data
