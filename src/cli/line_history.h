// What was typed before, kept in a file that only its owner reads: one text a line, line breaks as \n.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/file.h"

namespace lathe::cli {

class LineHistory {
 public:
  explicit LineHistory(size_t most = 1000) : most_(most) {}

  // Reads the file, when there is one, and adds to it from now on. It is made with mode 0600, and shortened to the newest entries
  // when it holds twice as many as are kept. An error leaves the history in memory.
  Status open(const fs::path& path);
  // Empty texts, repetitions of the last one and texts above 64 KiB are not kept. The error is that of the file.
  Status add(const std::string& text);

  const std::vector<std::string>& entries() const { return entries_; }  // oldest first

 private:
  Status rewrite() const;
  size_t most_;
  fs::path path_;  // empty: memory only
  std::vector<std::string> entries_;
};

}  // namespace lathe::cli
