// Files: whole reads, atomic writes, memory maps, folders. Every failure names the path and the reason.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace lathe {

namespace fs = std::filesystem;

Result<std::string> read_file(const fs::path& path);  // of a regular file, or below /dev, where a shell hands over what is none

// Writes to a temporary name beside `path`, syncs, renames, syncs the folder: after a crash the old or the new
// file is there, whole. Makes missing parent folders.
Status write_file_atomic(const fs::path& path, std::string_view bytes);

Status make_folders(const fs::path& path);
Status sync_folder(const fs::path& path);

// Writes a stream of bytes to a temporary name; commit() syncs and renames, the destructor removes what was not committed.
class AtomicFileWriter {
 public:
  static Result<AtomicFileWriter> open(const fs::path& path);
  AtomicFileWriter(AtomicFileWriter&& other) noexcept;
  AtomicFileWriter& operator=(AtomicFileWriter&&) = delete;
  ~AtomicFileWriter();
  Status write(const void* data, size_t bytes);
  Status write(std::string_view bytes) { return write(bytes.data(), bytes.size()); }
  Status commit();
  int64_t bytes_written() const { return bytes_; }

 private:
  AtomicFileWriter() = default;
  fs::path path_, temporary_;
  int fd_ = -1;
  int64_t bytes_ = 0;
  std::string buffer_;
  Status flush();
};

// A read-only memory map. Cheap to copy (shared); the map lives as long as any copy.
class MappedFile {
 public:
  static Result<MappedFile> open(const fs::path& path);
  const std::byte* data() const { return data_; }
  int64_t size() const { return size_; }
  std::string_view view() const { return {reinterpret_cast<const char*>(data_), static_cast<size_t>(size_)}; }

 private:
  std::shared_ptr<void> owner_;
  const std::byte* data_ = nullptr;
  int64_t size_ = 0;
};

// Regular files below `folder` (or the file itself) whose name ends in one of `endings`, sorted by path.
Result<std::vector<fs::path>> list_files(const fs::path& path, const std::vector<std::string>& endings, bool recursive);

// Free bytes of the file system that will hold `path`.
Result<int64_t> free_disk_bytes(const fs::path& path);

// A fresh folder, removed with all its content by the destructor.
class TemporaryFolder {
 public:
  explicit TemporaryFolder(std::string_view prefix = "lathe");
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

}  // namespace lathe
