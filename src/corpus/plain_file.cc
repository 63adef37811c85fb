#include "corpus/plain_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace lathe::corpus {
namespace {

Error system_error(const fs::path& path, int64_t offset, const char* what) {
  const int number = errno;
  const bool full = number == ENOSPC || number == EDQUOT || number == EFBIG;
  return error_at(path.string(), offset, what, ": ", std::strerror(number),
                  full ? "; free some space or choose another folder" : "");
}

}  // namespace

Result<OutputFile> OutputFile::create(const fs::path& path) {
  OutputFile file;
  file.path_ = path;
  file.fd_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (file.fd_ < 0) return system_error(path, -1, "cannot create");
  return file;
}

OutputFile::OutputFile(OutputFile&& other) noexcept
    : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)) {}

OutputFile::~OutputFile() {
  if (fd_ >= 0) ::close(fd_);
}

Status OutputFile::write(const void* data, size_t bytes) {
  const auto* at = static_cast<const char*>(data);
  while (bytes > 0) {
    const ssize_t done = ::write(fd_, at, bytes);
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) return system_error(path_, -1, "cannot write");
    at += done;
    bytes -= static_cast<size_t>(done);
  }
  return {};
}

Status OutputFile::close() {
  if (::close(std::exchange(fd_, -1)) != 0) return system_error(path_, -1, "cannot close");
  return {};
}

Result<InputFile> InputFile::open(const fs::path& path) {
  InputFile file;
  file.path_ = path;
  file.fd_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file.fd_ < 0) return system_error(path, -1, "cannot open");
  struct stat info {};
  if (::fstat(file.fd_, &info) != 0) return system_error(path, -1, "cannot stat");
  if (!S_ISREG(info.st_mode)) return error_at(path.string(), -1, "is not a regular file");
  file.size_ = info.st_size;
  return file;
}

InputFile::InputFile(InputFile&& other) noexcept
    : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)), size_(other.size_) {}

InputFile::~InputFile() {
  if (fd_ >= 0) ::close(fd_);
}

Status InputFile::read_at(int64_t offset, void* data, size_t bytes) const {
  auto* at = static_cast<char*>(data);
  while (bytes > 0) {
    const ssize_t got = ::pread(fd_, at, bytes, offset);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_error(path_, offset, "cannot read");
    if (got == 0) return error_at(path_.string(), offset, "the file ends here, ", bytes, " more bytes were expected");
    at += got;
    offset += got;
    bytes -= static_cast<size_t>(got);
  }
  return {};
}

}  // namespace lathe::corpus
