// The lines of a text file (compressed or not), one at a time, without their line ends (LF or CR LF).
// Memory: one buffer of the longest line so far. One thread at a time.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "data/byte_stream.h"

namespace lathe::data {

class LineReader {
 public:
  static Result<std::unique_ptr<LineReader>> open(const fs::path& path);

  // False at the end of the file. The view holds until the next call. A line above 1 GiB is an error.
  Result<bool> next(std::string_view& line);
  int64_t line_number() const { return line_number_; }  // of the last line, from 1
  const fs::path& path() const { return path_; }

 private:
  LineReader(fs::path path, std::unique_ptr<ByteStream> stream) : path_(std::move(path)), stream_(std::move(stream)) {}
  Status read_more();

  fs::path path_;
  std::unique_ptr<ByteStream> stream_;
  std::string buffer_;
  size_t begin_ = 0, end_ = 0;
  bool at_end_ = false;
  int64_t line_number_ = 0;
};

}  // namespace lathe::data
