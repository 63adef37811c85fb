// Files of fixed-size records: written front to back, read at any place. Unlike a memory map, what was read does not
// count as memory of the process. Every failure names the file and the reason. One thread at a time per object; read_at
// may be called by several.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/file.h"

namespace lathe::corpus {

// A scratch file: no sync, no rename; the destructor closes it and leaves it in place.
class OutputFile {
 public:
  static Result<OutputFile> create(const fs::path& path);  // an older file of that name is replaced
  OutputFile(OutputFile&& other) noexcept;
  OutputFile& operator=(OutputFile&&) = delete;
  ~OutputFile();
  Status write(const void* data, size_t bytes);
  Status close();  // reports what the system noticed only now

 private:
  OutputFile() = default;
  fs::path path_;
  int fd_ = -1;
};

class InputFile {
 public:
  static Result<InputFile> open(const fs::path& path);
  InputFile(InputFile&& other) noexcept;
  InputFile& operator=(InputFile&&) = delete;
  ~InputFile();
  int64_t size() const { return size_; }
  const fs::path& path() const { return path_; }
  // Exactly `bytes` bytes from `offset`; a file that ends earlier is an error that says where.
  Status read_at(int64_t offset, void* data, size_t bytes) const;

 private:
  InputFile() = default;
  fs::path path_;
  int fd_ = -1;
  int64_t size_ = 0;
};

}  // namespace lathe::corpus
