#include "data/spool_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace lathe::data {
namespace {
constexpr size_t kBufferBytes = 1 << 20;
}

Result<SpoolFile> SpoolFile::create(const fs::path& folder) {
  std::string name = (folder / ".spool-XXXXXX").string();
  const int fd = ::mkostemp(name.data(), O_CLOEXEC);
  if (fd < 0) return error_at(folder.string(), -1, "cannot make a temporary file: ", std::strerror(errno));
  ::unlink(name.c_str());
  return SpoolFile(fd, folder.string());
}

SpoolFile::SpoolFile(SpoolFile&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      folder_(std::move(other.folder_)),
      size_(other.size_),
      buffer_(std::move(other.buffer_)) {}

SpoolFile::~SpoolFile() {
  if (fd_ >= 0) ::close(fd_);
}

Status SpoolFile::append(const void* data, size_t bytes) {
  size_ += static_cast<int64_t>(bytes);
  if (buffer_.size() + bytes > kBufferBytes) LATHE_TRY_STATUS(flush());
  if (bytes > kBufferBytes) return write(static_cast<const char*>(data), bytes);
  buffer_.append(static_cast<const char*>(data), bytes);
  return {};
}

Status SpoolFile::flush() {
  LATHE_TRY_STATUS(write(buffer_.data(), buffer_.size()));
  buffer_.clear();
  return {};
}

Status SpoolFile::write(const char* data, size_t bytes) {
  while (bytes > 0) {
    const ssize_t written = ::write(fd_, data, bytes);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0)
      return error_at(folder_, -1, "cannot write a temporary file: ", std::strerror(errno),
                      "; tokens need the room twice while packing");
    data += written;
    bytes -= static_cast<size_t>(written);
  }
  return {};
}

Status SpoolFile::read(int64_t offset, void* data, size_t bytes) const {
  auto* out = static_cast<char*>(data);
  while (bytes > 0) {
    const ssize_t got = ::pread(fd_, out, bytes, offset);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0)
      return error_at(folder_, offset,
                      "cannot read a temporary file back: ", got == 0 ? "it ends early" : std::strerror(errno));
    out += got;
    offset += got;
    bytes -= static_cast<size_t>(got);
  }
  return {};
}

}  // namespace lathe::data
