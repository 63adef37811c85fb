// A file without a name for what does not fit into memory: written at its end, read anywhere, gone when it is closed or
// the process dies.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "core/file.h"

namespace lathe::data {

class SpoolFile {
 public:
  // In `folder`, so that it is on the disk that the user chose.
  static Result<SpoolFile> create(const fs::path& folder);
  SpoolFile(SpoolFile&& other) noexcept;
  SpoolFile& operator=(SpoolFile&&) = delete;
  ~SpoolFile();

  // One thread; a full disk is an error.
  Status append(const void* data, size_t bytes);
  int64_t size() const { return size_; }
  Status flush();
  // After flush(): any number of threads.
  Status read(int64_t offset, void* data, size_t bytes) const;

 private:
  SpoolFile(int fd, std::string folder) : fd_(fd), folder_(std::move(folder)) {}
  Status write(const char* data, size_t bytes);
  int fd_;
  std::string folder_;
  int64_t size_ = 0;
  std::string buffer_;
};

}  // namespace lathe::data
