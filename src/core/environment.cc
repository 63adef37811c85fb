#include "core/environment.h"

#include <charconv>
#include <cstdlib>

namespace lathe {

std::string environment(const char* name, const std::string& fallback) {
  const char* value = std::getenv(name);
  return value == nullptr || value[0] == '\0' ? fallback : std::string(value);
}

Result<fs::path> base_folder(const std::string& given) {
  fs::path folder = given.empty() ? environment("LATHE_BASE_DIR") : given;
  if (folder.empty()) {
    const std::string home = environment("HOME");
    if (home.empty()) return error("no place for files: set LATHE_BASE_DIR or give --base-dir (HOME is not set either)");
    folder = fs::path(home) / ".cache" / "lathe";
  }
  if (const Status made = make_folders(folder); !made.ok())
    return error_at(made.error().path, -1, made.error().message, "; another base folder: --base-dir DIR or LATHE_BASE_DIR");
  return folder;
}

Result<Rank> rank_from_environment() {
  const auto number = [](const char* name, int fallback) -> Result<int> {
    const std::string text = environment(name);
    if (text.empty()) return fallback;
    int value = 0;
    const auto [stop, code] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (code != std::errc() || stop != text.data() + text.size()) return error_at(name, -1, "\"", text, "\" is not a whole number");
    return value;
  };
  Rank out;
  LATHE_TRY(out.rank, number("RANK", 0));
  LATHE_TRY(out.world, number("WORLD_SIZE", 1));
  if (out.world < 1 || out.rank < 0 || out.rank >= out.world)
    return error("RANK=", out.rank, " and WORLD_SIZE=", out.world, " do not fit; unset both to run as one process");
  return out;
}

const char* tool_version() { return LATHE_VERSION; }

}  // namespace lathe
