// Cleaned texts of sources, kept below the base folder and shared by all runs (row L-2.35): part by part, under a key
// made of what they depend on: the source (its name in the world, revision and files), which of its texts are read, the
// cleaning settings and the cleaner's version. An entry counts only when its hash fits (L-2.36): a damaged or cut one is
// made again. Two processes may use one entry: files appear whole, and both write the same bytes.
#pragma once

#include <string>
#include <vector>

#include "core/file.h"
#include "corpus/block.h"

namespace lathe::corpus {

// To be raised when clean() gives other texts for the same settings.
inline constexpr int kCleanerVersion = 1;

// 64 hexadecimal digits.
std::string cleaned_key(const SourceSettings& source, const CleanSettings& cleaning, const std::vector<SourceFile>& files);

class SourceCache {
 public:
  SourceCache(const fs::path& base, const std::string& key) : folder_(base / "cache" / "corpus" / key) {}

  struct Entry {
    bool last = false;
    int64_t files_read = 0;
    Tally cleaning;                   // of all its blocks
    std::vector<std::string> frames;  // one a block
  };
  // False when it is not there or not what it was; then it is removed.
  Result<bool> read(int64_t part, Entry& entry) const;
  Status write(int64_t part, const Entry& entry) const;
  const fs::path& folder() const { return folder_; }

 private:
  fs::path folder_;
};

}  // namespace lathe::corpus
