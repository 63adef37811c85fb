// The documents of one source, block by block, forward only. Rows L-2.1, L-2.2, L-2.12, L-2.13, L-1.25.
//
// A block is what one task works on: the next documents until they are 512 KiB or 1024, so blocks are a function of the
// source alone. Lines of .jsonl are handed out unparsed: their readers work in parallel (corpus/block.h). Memory: one
// block and the buffers of a decompressor, whatever the size of the source; a single document may be larger.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/file.h"
#include "core/result.h"
#include "corpus/mix_settings.h"

namespace lathe::corpus {

constexpr size_t kBlockBytes = size_t{1} << 19;
constexpr size_t kBlockDocuments = 1024;

struct Block {
  enum class Form { kRecord, kText, kCleaned };  // a JSON record, a text as it was read, a text that clean() gave
  struct Document {
    size_t begin, end;  // bytes
    int64_t place;      // number in the source, from 0
    int64_t line;       // of its file, from 1; 0: no lines
  };
  Form form = Form::kText;
  std::string bytes;
  std::vector<Document> documents;
  fs::path file;  // a block has documents of one file

  std::string_view text(const Document& document) const {
    return std::string_view(bytes).substr(document.begin, document.end - document.begin);
  }
  void clear();
  bool full() const { return bytes.size() >= kBlockBytes || documents.size() >= kBlockDocuments; }
};

using SourceMap = std::map<std::string, std::string>;  // name of a source, or its dataset_name -> file or folder
Result<SourceMap> parse_source_map(const std::vector<std::string>& pairs);  // "NAME=PATH"

// Endings of files that a source can be made of: .txt, .jsonl, .json (lines), each also .gz and .zst, and .parquet.
const std::vector<std::string>& source_endings();

struct SourceFile {
  fs::path path;
  std::string name;  // below the source's folder: the same on every machine
  int64_t bytes = 0;
  fs::path folder;   // the source's; empty when the source is this one file
};

// The files of a source, sorted: from the map, else its path, else what was downloaded of it below `base`. None: an
// error that names the command that gets it.
Result<std::vector<SourceFile>> resolve_source(const SourceSettings& source, const SourceMap& map, const fs::path& base);

// One thread at a time.
class SourceReader {
 public:
  SourceReader(SourceSettings settings, std::vector<SourceFile> files);
  ~SourceReader();
  SourceReader(SourceReader&&) noexcept;

  // False at the end. A file that cannot be read, was cut short or has no column of that name is an error.
  Result<bool> next(Block& block);
  // As many calls of next(), with less work where the format allows.
  Status skip(int64_t blocks);
  int64_t files_read() const;  // opened so far, in order

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace lathe::corpus
