#include "corpus/source.h"

#include <algorithm>

#include "core/download_record.h"
#include "core/environment.h"
#include "core/manifest.h"
#include "core/text.h"

namespace lathe::corpus {
namespace {

// The folder of a subset in its repository, where it is not the subset's own name: FineWeb's samples and crawls.
std::string hub_folder(const std::string& subset) {
  if (subset.starts_with("sample-")) return "sample/" + subset.substr(7);
  if (subset.starts_with("CC-MAIN-")) return "data/" + subset;
  return subset == "default" ? "" : subset;
}

std::string download_command(const SourceSettings& source) {
  const std::string folder = hub_folder(source.subset);
  return join_text("lathe download hf://datasets/", source.dataset_name, source.revision.empty() ? "" : "@" + source.revision, "/", folder,
                   folder.empty() ? "" : "/");
}

// Keeps the files that `wanted` says yes to; false where there are none, then all are kept.
template <class Wanted>
bool choose(std::vector<SourceFile>& files, const Wanted& wanted) {
  if (std::none_of(files.begin(), files.end(), wanted)) return false;
  std::erase_if(files, [&](const SourceFile& file) { return !wanted(file); });
  return true;
}

// Of a downloaded data set, the files of one subset: those of its folder, else those with its name in their paths.
bool choose_subset(std::vector<SourceFile>& files, const std::string& subset) {
  const std::string folder = hub_folder(subset);
  if (folder.empty()) return true;
  return choose(files, [&](const SourceFile& file) { return ("/" + file.name).find("/" + folder + "/") != std::string::npos; }) ||
         choose(files, [&](const SourceFile& file) { return file.name.find(subset) != std::string::npos; });
}

Result<std::vector<SourceFile>> files_of(const fs::path& path) {
  LATHE_TRY(const auto paths, list_files(path, source_endings(), true));
  std::vector<SourceFile> files;
  for (const fs::path& file : paths) {
    std::error_code code;
    const bool one = file == path || fs::is_regular_file(path, code);
    const bool record = file.filename() == kManifestFile || file.filename() == kDownloadsFile;
    if (record && !one) continue;  // of the stage that wrote the folder
    const auto bytes = fs::file_size(file, code);
    if (code) return error_at(file.string(), -1, "cannot ask for the size: ", code.message());
    files.push_back({file, one ? file.filename().string() : file.lexically_relative(path).generic_string(),
                     static_cast<int64_t>(bytes), one ? fs::path() : path});
  }
  return files;
}

}  // namespace

void Block::clear() {
  bytes.clear();
  documents.clear();
  file.clear();
}

const std::vector<std::string>& source_endings() {
  static const std::vector<std::string> endings = {".parquet",  ".jsonl", ".jsonl.gz", ".jsonl.zst", ".json",
                                                   ".json.gz",  ".json.zst", ".txt",   ".txt.gz",    ".txt.zst"};
  return endings;
}

Result<SourceMap> parse_source_map(const std::vector<std::string>& pairs) {
  SourceMap map;
  for (const std::string& pair : pairs) {
    const size_t equals = pair.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == pair.size())
      return error_at("source-map", -1, "\"", pair, "\" is not NAME=PATH");
    map[pair.substr(0, equals)] = pair.substr(equals + 1);
  }
  return map;
}

Result<std::vector<SourceFile>> resolve_source(const SourceSettings& source, const SourceMap& map, const fs::path& base) {
  fs::path path;
  bool downloaded = false;
  if (const auto named = map.find(source.name); named != map.end()) path = named->second;
  else if (const auto set = map.find(source.dataset_name); set != map.end() && !source.dataset_name.empty()) path = set->second;
  else if (source.type == "local") path = source.path;
  else path = hub_downloads(base, source.dataset_name, source.revision), downloaded = true;

  std::error_code code;
  if (!fs::exists(path, code)) {
    if (!downloaded)
      return error_at(path.string(), -1, "source \"", source.name, "\": no such file or folder");
    return error_at(path.string(), -1, "source \"", source.name, "\": ", source.dataset_name, " is not on this machine; get it with `",
                    download_command(source), "`, or stand local files in for it: --source-map ", source.name, "=PATH");
  }
  LATHE_TRY(std::vector<SourceFile> files, files_of(path));
  if (downloaded) {
    if (!files.empty() && !choose_subset(files, source.subset))
      return error_at(path.string(), -1, "source \"", source.name, "\": no file of the subset \"", source.subset, "\" is there; get it with `",
                      download_command(source), "`");
    choose(files, [&](const SourceFile& file) { return file.name.find(source.split) != std::string::npos; });
  }
  if (files.empty()) {
    std::string endings;
    for (const std::string& ending : source_endings()) endings += (endings.empty() ? "" : ", ") + ending;
    return error_at(path.string(), -1, "source \"", source.name, "\": no file that can be read; a source is made of files that end in ", endings,
                    downloaded ? "; get it with `" + download_command(source) + "`" : "");
  }
  return files;
}

}  // namespace lathe::corpus
