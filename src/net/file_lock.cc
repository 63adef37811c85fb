#include "net/file_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>
#include <utility>

#include "core/signals.h"

namespace lathe::net {
namespace {

constexpr auto kPoll = std::chrono::milliseconds(50);

// A holder that ended has removed the name: the lock counts only on the file that still bears it.
bool still_named(int fd, const fs::path& lock) {
  struct stat held {}, named {};
  return fstat(fd, &held) == 0 && stat(lock.c_str(), &named) == 0 && held.st_ino == named.st_ino && held.st_dev == named.st_dev;
}

}  // namespace

Result<FileLock> FileLock::acquire(const fs::path& path, const std::function<void()>& on_wait) {
  if (path.has_parent_path()) LATHE_TRY_STATUS(make_folders(path.parent_path()));
  fs::path lock = path;
  lock += ".lock";
  bool told = false;
  for (;;) {
    const int fd = open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0) return error_at(lock.string(), -1, "cannot open the lock: ", std::strerror(errno));
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
      if (still_named(fd, lock)) return FileLock(std::move(lock), fd);
      close(fd);
      continue;
    }
    const int reason = errno;
    close(fd);
    if (reason != EWOULDBLOCK && reason != EINTR) return error_at(lock.string(), -1, "cannot lock: ", std::strerror(reason));
    if (StopSignals::requested()) return error_at(path.string(), -1, "stopped by a signal while another process holds the lock");
    if (!told && on_wait) on_wait();
    told = true;
    std::this_thread::sleep_for(kPoll);
  }
}

FileLock::FileLock(FileLock&& other) noexcept : lock_(std::move(other.lock_)), fd_(std::exchange(other.fd_, -1)) {}

FileLock::~FileLock() {
  if (fd_ < 0) return;
  unlink(lock_.c_str());  // while still holding it
  close(fd_);
}

}  // namespace lathe::net
