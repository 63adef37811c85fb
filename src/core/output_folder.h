// The folder a stage writes: its parts appear under a temporary sibling ("<path>.partial") and the whole is renamed into
// place, so that an interrupted stage leaves nothing a later stage would accept, and a stage that can go on finds its
// finished parts (rows L-1.14, L-1.15, L-2.38).
#pragma once

#include <string>

#include "core/file.h"
#include "core/folder_lock.h"
#include "core/result.h"

namespace lathe {

// One thread. Holds a lock on the sibling: a second process that wants the same folder gets an error naming the first.
class OutputFolder {
 public:
  // config_sha256 stands for everything that decides the content. Where `path` already holds a manifest.json with that
  // hash, done() is true and there is nothing to do. Where it holds anything else, `force` is needed; the old content
  // stays until commit(). A sibling left by a run with the same hash is kept, any other is emptied.
  static Result<OutputFolder> open(const fs::path& path, const std::string& config_sha256, bool force);
  OutputFolder(OutputFolder&& other) noexcept;
  OutputFolder& operator=(OutputFolder&&) = delete;
  ~OutputFolder() = default;  // without commit(): the sibling stays, for the next run to go on with

  bool done() const { return done_; }
  bool continued() const { return continued_; }      // work() holds what an interrupted run with the same hash wrote
  const fs::path& path() const { return path_; }     // where the folder will be
  const fs::path& work() const { return work_; }     // where to write now

  // Puts work() in the place of path(). The manifest must be written by then.
  Status commit();

 private:
  OutputFolder() = default;
  fs::path path_, work_;
  bool done_ = false, continued_ = false;
  FolderLock lock_;
};

}  // namespace lathe
