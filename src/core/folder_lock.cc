#include "core/folder_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>
#include <utility>

namespace lathe {
namespace {

// Whether `fd` is still what stands under `path`: its last holder may have removed it while we waited to open it.
bool is_current(int fd, const fs::path& path) {
  struct stat open {}, named {};
  return ::fstat(fd, &open) == 0 && ::stat(path.c_str(), &named) == 0 && open.st_ino == named.st_ino && open.st_dev == named.st_dev;
}

}  // namespace

Result<FolderLock> FolderLock::try_take(const fs::path& folder) {
  FolderLock lock;
  lock.path_ = folder.has_filename() ? folder : folder.parent_path();  // "out/x/" means "out/x"
  lock.path_ += ".lock";
  const std::string name = lock.path_.string();
  while (true) {
    const int fd = ::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0) return error_at(name, -1, "cannot create: ", std::strerror(errno));
    if (::flock(fd, LOCK_EX | LOCK_NB) == 0) {
      if (is_current(fd, lock.path_)) {
        lock.fd_ = fd;
        return lock;
      }
      ::close(fd);
      continue;
    }
    const int reason = errno;
    ::close(fd);
    if (reason == EWOULDBLOCK) {
      FolderLock nothing;
      nothing.path_ = lock.path_;
      return nothing;
    }
    return error_at(name, -1, "cannot lock: ", std::strerror(reason));
  }
}

Result<FolderLock> FolderLock::take(const fs::path& folder) { return wait(folder, 0); }

Result<FolderLock> FolderLock::wait(const fs::path& folder, double seconds) {
  const auto start = std::chrono::steady_clock::now();
  while (true) {
    LATHE_TRY(FolderLock lock, try_take(folder));
    if (lock.held()) return lock;
    if (std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() >= seconds)
      return error_at(lock.path_.string(), -1, "another process is writing this folder; wait for it or stop it");
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

FolderLock::FolderLock(FolderLock&& other) noexcept : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)) {}

FolderLock& FolderLock::operator=(FolderLock&& other) noexcept {
  if (this != &other) {
    release();
    path_ = std::move(other.path_);
    fd_ = std::exchange(other.fd_, -1);
  }
  return *this;
}

void FolderLock::release() {
  if (fd_ < 0) return;
  ::unlink(path_.c_str());
  ::close(fd_);
  fd_ = -1;
}

}  // namespace lathe
