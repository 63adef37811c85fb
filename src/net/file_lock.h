// One holder at a time among all threads and processes: an exclusive flock on "<path>.lock", which the kernel releases when
// the holder dies, however it dies. The lock file is removed on release. Row C-1.13.
#pragma once

#include <functional>

#include "core/file.h"
#include "core/result.h"

namespace lathe::net {

class FileLock {
 public:
  // Waits while another holds it; on_wait is called once when that is so. A stop signal while waiting is an error.
  static Result<FileLock> acquire(const fs::path& path, const std::function<void()>& on_wait = {});
  FileLock(FileLock&& other) noexcept;
  FileLock& operator=(FileLock&&) = delete;
  ~FileLock();

 private:
  FileLock(fs::path lock, int fd) : lock_(std::move(lock)), fd_(fd) {}
  fs::path lock_;
  int fd_;
};

}  // namespace lathe::net
