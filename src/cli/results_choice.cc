#include "cli/results_choice.h"

#include <algorithm>

namespace lathe::cli {
namespace {

std::vector<std::string> folders_in(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code code;
  for (const auto& entry : fs::directory_iterator(folder, code))
    if (entry.is_directory(code)) names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

std::string list_of(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : ", ") + name;
  return out;
}

Result<std::string> only_one(const fs::path& folder, const std::string& given, const char* flag) {
  const std::vector<std::string> names = folders_in(folder);
  if (names.empty()) return error_at(folder.string(), -1, "holds no results; `lathe eval chat`, `eval tasks` or `eval core` writes them");
  if (!given.empty()) {
    if (std::find(names.begin(), names.end(), given) != names.end()) return given;
    return error_at(folder.string(), -1, "has no results of \"", given, "\"; there are ", list_of(names));
  }
  if (names.size() == 1) return names[0];
  return error_at(folder.string(), -1, "holds several: ", list_of(names), "; choose one with ", flag);
}

}  // namespace

Result<fs::path> results_folder(const fs::path& base, const std::string& tag, const std::string& source) {
  const fs::path root = base / "eval_results";
  LATHE_TRY(const std::string of_tag, only_one(root, tag, "--tag"));
  LATHE_TRY(const std::string of_source, only_one(root / of_tag, source, "--source"));
  return root / of_tag / of_source;
}

Result<fs::path> results_path(const fs::path& base, const std::string& text) {
  std::error_code code;
  if (fs::exists(text, code)) return fs::path(text);
  if (const fs::path below = base / "eval_results" / text; fs::exists(below, code)) return below;
  std::vector<std::string> known;
  for (const std::string& tag : folders_in(base / "eval_results"))
    for (const std::string& source : folders_in(base / "eval_results" / tag)) known.push_back(tag + "/" + source);
  return error_at(text, -1, "is neither a file, nor a folder, nor TAG/SOURCE below ", (base / "eval_results").string(), known.empty() ? "" : "; there are " + list_of(known));
}

}  // namespace lathe::cli
