#pragma once
// What the tests of damaged files share.
#include <sys/resource.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string_view>

namespace lathe::testing {

// The file is removed first: ext4 writes a truncated file's new bytes to the disk when it is closed, which takes 80 times as long.
inline void put_file(const std::filesystem::path& path, std::string_view bytes) {
  std::filesystem::remove(path);
  std::ofstream(path, std::ios::binary) << bytes;
}

// Kinds of damage to try: ten times as many with LATHE_LONG=1.
inline int fuzz_rounds(int rounds) { return std::getenv("LATHE_LONG") != nullptr ? 10 * rounds : rounds; }

// While it stands the process may take only 512 MiB more than it has.
class MemoryLimit {
 public:
  MemoryLimit() {
    std::ifstream status("/proc/self/statm");
    rlim_t pages = 0;
    status >> pages;
    getrlimit(RLIMIT_AS, &before_);
    rlimit limit = before_;
    limit.rlim_cur = pages * 4096 + kMore;
    set_ = pages > 0 && setrlimit(RLIMIT_AS, &limit) == 0;
  }
  ~MemoryLimit() { setrlimit(RLIMIT_AS, &before_); }
  bool set() const { return set_; }

 private:
  static constexpr rlim_t kMore = rlim_t{512} << 20;
  rlimit before_{};
  bool set_ = false;
};

}  // namespace lathe::testing
