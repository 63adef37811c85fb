// A part: the results of up to 32 blocks of a source that follow each other, on disk between the passes. Part p of a
// source has its blocks 32 p to 32 p + 31, so parts may be made in any order, by any thread, process or machine that sees
// the folder, with the same bytes. Rows L-2.1, L-2.38, L-2.39.
//
// Files <folder>/<p>.texts.zst (frames of the kept texts, corpus/block.h), .records (16 bytes a cleaned document,
// little-endian: uint64 place, uint32 characters, uint16 verdict, uint16 flagged), .signatures, and, written last,
// .json: counts and the sizes and hashes of the others. A part without a .json that fits is none.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/file.h"
#include "corpus/block.h"
#include "data/byte_stream.h"

namespace lathe::corpus {

constexpr int64_t kPartBlocks = 32;

struct Part {
  fs::path folder;
  int64_t number = 0;
  bool last = false;  // the source ends with it
  int64_t blocks = 0;
  int64_t documents = 0;  // cleaned
  int64_t kept = 0, kept_characters = 0;
  int64_t files_read = 0;  // of the source, up to the end of this part
  Tally cleaning, filtering;

  fs::path texts() const;
  fs::path records() const;
  fs::path signatures() const;
};

// Fills in what the results of a part's blocks add up to.
void count_part(Part& part, const std::vector<BlockResult>& results);
// Writes the results of a part that was counted. `origin` stands for the source's files and all settings the results
// depend on. With `hasher` null there are no signatures.
Status write_part(const Part& part, std::vector<BlockResult> results, const std::string& origin, const MinHasher* hasher);

// False when it is not there, of another origin, or not whole.
bool load_part(Part& part, const std::string& origin, bool signatures);

Result<std::vector<DocumentRecord>> read_records(const Part& part);

// The kept texts of a part, forward. One thread at a time.
class PartTexts {
 public:
  static Result<PartTexts> open(const Part& part);
  Status next(std::string& text);
  Status skip();

 private:
  PartTexts(fs::path path, std::unique_ptr<data::ByteStream> stream) : path_(std::move(path)), stream_(std::move(stream)) {}
  Status fill(size_t bytes);
  fs::path path_;
  std::unique_ptr<data::ByteStream> stream_;
  std::string buffer_;
  size_t begin_ = 0, end_ = 0;
};

}  // namespace lathe::corpus
