// One process at a time writes a folder: an exclusive flock on "<folder>.lock" beside it, which the kernel releases when
// the holder dies, however it dies. The lock file is removed on release.
#pragma once

#include "core/file.h"
#include "core/result.h"

namespace lathe {

// Move-only, for one thread.
class FolderLock {
 public:
  // Does not wait: a folder that another process (or another lock of this one) writes is an error. The folder itself
  // need not exist.
  static Result<FolderLock> take(const fs::path& folder);
  // For writes that last moments: waits up to `seconds` for the others to end theirs.
  static Result<FolderLock> wait(const fs::path& folder, double seconds);
  FolderLock() = default;  // holds nothing
  FolderLock(FolderLock&& other) noexcept;
  FolderLock& operator=(FolderLock&& other) noexcept;
  ~FolderLock() { release(); }

  bool held() const { return fd_ >= 0; }

 private:
  // Nothing held: another holds it.
  static Result<FolderLock> try_take(const fs::path& folder);
  void release();
  fs::path path_;  // of the lock file
  int fd_ = -1;
};

}  // namespace lathe
