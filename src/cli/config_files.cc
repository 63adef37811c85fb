#include "cli/config_files.h"

#include <vector>

#include "core/log.h"

namespace lathe::cli {
namespace {

constexpr const char* kLab = "configs/lab";

// Of the tree this program was built in (build/PRESET/lathe, build/PRESET/tests/test_cli), or of its installation.
std::vector<fs::path> shipped_folders() {
  std::vector<fs::path> folders = {kLab};
  std::error_code code;
  const fs::path program = fs::read_symlink("/proc/self/exe", code);
  fs::path folder = program.parent_path();
  for (int up = 0; up < 4 && folder.has_relative_path(); ++up, folder = folder.parent_path()) {
    folders.push_back(folder / kLab);
    folders.push_back(folder / "share" / "lathe" / kLab);
  }
  return folders;
}

fs::path without_config(const fs::path& path) {
  const fs::path normal = path.lexically_normal();
  return *normal.begin() == "config" ? normal.lexically_relative("config") : normal;
}

Result<fs::path> find(const std::string& path, const std::vector<fs::path>& first) {
  std::error_code code;
  for (const fs::path& candidate : first)
    if (fs::exists(candidate, code)) return candidate;
  if (!path.empty() && fs::path(path).is_relative())
    for (const fs::path& folder : shipped_folders())
      if (const fs::path candidate = folder / without_config(path); fs::is_regular_file(candidate, code)) {
        log_info("cli", path, " is not here, taken from the shipped settings: ", candidate.string());
        return candidate;
      }
  return error_at(path, -1, "no such file, here or among the shipped settings (", kLab, ")");
}

}  // namespace

Result<fs::path> find_config(const std::string& path) { return find(path, {path}); }

Result<fs::path> find_from_config(const std::string& path, const fs::path& referrer) {
  return find(path, {path, referrer.parent_path() / path});
}

}  // namespace lathe::cli
