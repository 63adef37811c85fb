#include "core/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "core/check.h"

namespace lathe {
namespace {

Error system_error(const fs::path& path, const char* what) {
  const int number = errno;
  std::string remedy;
  if (number == ENOSPC) remedy = "; free some space or choose another folder";
  if (number == EACCES || number == EROFS) remedy = "; check the permissions of the folder or choose another one";
  return error_at(path.string(), -1, what, ": ", std::strerror(number), remedy);
}

class FileDescriptor {
 public:
  explicit FileDescriptor(int fd) : fd_(fd) {}
  ~FileDescriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

}  // namespace

Result<std::string> read_file(const fs::path& path) {
  // O_NONBLOCK: a pipe that nobody writes to must not hold us.
  const FileDescriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (fd.get() < 0) return system_error(path, "cannot open");
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) return system_error(path, "cannot stat");
  if (S_ISDIR(info.st_mode)) return error_at(path.string(), -1, "is a folder, a file is needed");
  if (!S_ISREG(info.st_mode)) {
    if (path.string().rfind("/dev/", 0) != 0) return error_at(path.string(), -1, "is not a regular file");
    ::fcntl(fd.get(), F_SETFL, ::fcntl(fd.get(), F_GETFL) & ~O_NONBLOCK);  // standard input, or what a shell's <(...) writes
  }
  std::string bytes;
  bytes.reserve(static_cast<size_t>(info.st_size));
  char buffer[1 << 16];
  while (true) {
    const ssize_t got = ::read(fd.get(), buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_error(path, "cannot read");
    if (got == 0) return bytes;
    bytes.append(buffer, static_cast<size_t>(got));
  }
}

Status make_folders(const fs::path& path) {
  if (path.empty()) return {};
  std::error_code code;
  fs::create_directories(path, code);
  if (code) return error_at(path.string(), -1, "cannot make the folder: ", code.message());
  return {};
}

Status sync_folder(const fs::path& path) {
  const fs::path folder = path.empty() ? fs::path(".") : path;
  const FileDescriptor fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd.get() < 0) return system_error(folder, "cannot open the folder");
  if (::fsync(fd.get()) != 0 && errno != EINVAL) return system_error(folder, "cannot sync the folder");
  return {};
}

Status write_file_atomic(const fs::path& path, std::string_view bytes) {
  LATHE_TRY(AtomicFileWriter writer, AtomicFileWriter::open(path));
  LATHE_TRY_STATUS(writer.write(bytes));
  return writer.commit();
}

Result<AtomicFileWriter> AtomicFileWriter::open(const fs::path& path) {
  LATHE_TRY_STATUS(make_folders(path.parent_path()));
  AtomicFileWriter writer;
  writer.path_ = path;
  writer.temporary_ = path;
  writer.temporary_ += ".tmp." + std::to_string(::getpid());
  writer.fd_ = ::open(writer.temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (writer.fd_ < 0) return system_error(writer.temporary_, "cannot create");
  return writer;
}

AtomicFileWriter::AtomicFileWriter(AtomicFileWriter&& other) noexcept
    : path_(std::move(other.path_)),
      temporary_(std::move(other.temporary_)),
      fd_(std::exchange(other.fd_, -1)),
      bytes_(other.bytes_),
      buffer_(std::move(other.buffer_)) {}

AtomicFileWriter::~AtomicFileWriter() {
  if (fd_ < 0) return;
  ::close(fd_);
  ::unlink(temporary_.c_str());
}

Status AtomicFileWriter::flush() {
  const char* at = buffer_.data();
  size_t left = buffer_.size();
  while (left > 0) {
    const ssize_t done = ::write(fd_, at, left);
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) return system_error(temporary_, "cannot write");
    at += done;
    left -= static_cast<size_t>(done);
  }
  buffer_.clear();
  return {};
}

Status AtomicFileWriter::write(const void* data, size_t bytes) {
  buffer_.append(static_cast<const char*>(data), bytes);
  bytes_ += static_cast<int64_t>(bytes);
  return buffer_.size() >= (1 << 20) ? flush() : Status();
}

Status AtomicFileWriter::commit() {
  LATHE_CHECK(fd_ >= 0, "commit() twice on ", path_.string());
  LATHE_TRY_STATUS(flush());
  if (::fsync(fd_) != 0) return system_error(temporary_, "cannot sync");
  const int closed = ::close(std::exchange(fd_, -1));
  if (closed != 0 || ::rename(temporary_.c_str(), path_.c_str()) != 0) {
    const Error failed = system_error(path_, "cannot put the file in place");
    ::unlink(temporary_.c_str());
    return failed;
  }
  return sync_folder(path_.parent_path());
}

Result<MappedFile> MappedFile::open(const fs::path& path) {
  // O_NONBLOCK: a pipe that nobody writes to must not hold us.
  const FileDescriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (fd.get() < 0) return system_error(path, "cannot open");
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) return system_error(path, "cannot stat");
  if (!S_ISREG(info.st_mode)) return error_at(path.string(), -1, "is not a regular file");
  MappedFile file;
  file.size_ = info.st_size;
  if (file.size_ == 0) return file;
  const size_t bytes = static_cast<size_t>(file.size_);
  void* address = ::mmap(nullptr, bytes, PROT_READ, MAP_PRIVATE, fd.get(), 0);
  if (address == MAP_FAILED) return system_error(path, "cannot map");
  file.owner_ = std::shared_ptr<void>(address, [bytes](void* p) { ::munmap(p, bytes); });
  file.data_ = static_cast<const std::byte*>(address);
  return file;
}

Result<std::vector<fs::path>> list_files(const fs::path& path, const std::vector<std::string>& endings, bool recursive) {
  std::error_code code;
  const fs::file_status status = fs::status(path, code);
  if (!fs::exists(status)) return error_at(path.string(), -1, "no such file or folder");
  std::vector<fs::path> files;
  if (!fs::is_directory(status)) {
    files.push_back(path);
    return files;
  }
  const auto take = [&](const fs::directory_entry& entry) {
    if (!entry.is_regular_file(code)) return;
    const std::string name = entry.path().filename().string();
    if (std::any_of(endings.begin(), endings.end(), [&](const std::string& end) { return name.ends_with(end); }))
      files.push_back(entry.path());
  };
  if (recursive) {
    for (fs::recursive_directory_iterator it(path, fs::directory_options::skip_permission_denied, code), end; it != end && !code; it.increment(code)) take(*it);
  } else {
    for (fs::directory_iterator it(path, code), end; it != end && !code; it.increment(code)) take(*it);
  }
  if (code) return error_at(path.string(), -1, "cannot list the folder: ", code.message());
  std::sort(files.begin(), files.end());
  return files;
}

Result<int64_t> free_disk_bytes(const fs::path& path) {
  fs::path folder = path;
  std::error_code code;
  while (!folder.empty() && !fs::exists(folder, code) && folder != folder.parent_path()) folder = folder.parent_path();
  if (folder.empty()) folder = ".";
  struct statvfs info {};
  if (::statvfs(folder.c_str(), &info) != 0) return system_error(folder, "cannot ask for free space");
  return static_cast<int64_t>(info.f_bavail) * static_cast<int64_t>(info.f_frsize);
}

TemporaryFolder::TemporaryFolder(std::string_view prefix) {
  std::string name = (fs::temp_directory_path() / (std::string(prefix) + ".XXXXXX")).string();
  LATHE_CHECK(::mkdtemp(name.data()) != nullptr, "cannot make ", name, ": ", std::strerror(errno));
  path_ = name;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code code;
  fs::remove_all(path_, code);
}

}  // namespace lathe
