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

fs::path hub_downloads(const fs::path& base, const std::string& repository, const std::string& revision) {
  const bool newest = revision.empty() || revision == "main";
  return base / "downloads" / "hf" / "datasets" / (newest ? repository : repository + "@" + revision);
}

namespace {

Result<int> number_in(const char* name, int fallback) {
  const std::string text = environment(name);
  if (text.empty()) return fallback;
  int value = 0;
  const auto [stop, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc() || stop != text.data() + text.size())
    return error_at(name, -1, "\"", text, "\" is not a whole number");
  return value;
}

Result<Rank> rank_in(const char* rank, const char* world) {
  Rank out;
  LATHE_TRY(out.rank, number_in(rank, 0));
  LATHE_TRY(out.world, number_in(world, 1));
  if (out.world < 1 || out.rank < 0 || out.rank >= out.world)
    return error(rank, "=", out.rank, " and ", world, "=", out.world, " do not fit; unset both to run as one process");
  return out;
}

}  // namespace

Result<Rank> rank_from_launcher() {
  if (!environment("OMPI_COMM_WORLD_SIZE").empty()) return rank_in("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE");
  if (!environment("PMI_SIZE").empty()) return rank_in("PMI_RANK", "PMI_SIZE");
  if (!environment("SLURM_STEP_NUM_TASKS").empty()) return rank_in("SLURM_PROCID", "SLURM_STEP_NUM_TASKS");
  return Rank{};
}

Result<Rank> rank_from_environment() {
  if (environment("RANK").empty() && environment("WORLD_SIZE").empty()) return rank_from_launcher();
  return rank_in("RANK", "WORLD_SIZE");
}

const char* tool_version() { return LATHE_VERSION; }

}  // namespace lathe
