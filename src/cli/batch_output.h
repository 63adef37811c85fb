// A file of lines that grows by whole lines and is gone on with after any stop.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/file.h"
#include "core/json.h"
#include "core/result.h"

namespace lathe::cli {

// One process at a time, which holds a lock on the file.
class BatchOutput {
 public:
  // Lines of an earlier run under the same settings stay, a torn last one is cut off; under other settings, or where nothing tells
  // them, the error says so. `<path>.settings.json` holds the settings.
  static Result<BatchOutput> open(const fs::path& path, const Json& settings);
  BatchOutput(BatchOutput&& other) noexcept : path_(std::move(other.path_)), fd_(other.fd_), lines_(other.lines_) { other.fd_ = -1; }
  BatchOutput& operator=(BatchOutput&&) = delete;
  ~BatchOutput();

  int64_t lines() const { return lines_; }  // that the file has
  Status write(std::string_view line);      // without its line feed
  Status sync();

 private:
  BatchOutput(fs::path path, int fd) : path_(std::move(path)), fd_(fd) {}
  fs::path path_;
  int fd_;
  int64_t lines_ = 0;
};

}  // namespace lathe::cli
