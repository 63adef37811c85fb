#include "corpus/source.h"

#include <algorithm>

#include "core/manifest.h"

namespace lathe::corpus {
namespace {

// Where downloads of a data set are, below the base folder.
fs::path download_folder(const SourceSettings& source, const fs::path& base) {
  return base / "downloads" / "hf" / "datasets" / source.dataset_name;
}

std::string download_command(const SourceSettings& source) {
  return "lathe download hf://" + source.dataset_name + (source.subset.empty() ? "" : "/" + source.subset);
}

bool has_part(const fs::path& path, const std::string& word) {
  return path.generic_string().find(word) != std::string::npos;
}

// Of a downloaded data set, the files of one subset and split, by the words in their paths; a word that no file has
// does not part them.
void choose(std::vector<SourceFile>& files, const std::string& word) {
  if (word.empty()) return;
  const auto named = [&](const SourceFile& file) { return has_part(file.name, word); };
  if (std::none_of(files.begin(), files.end(), named)) return;
  std::erase_if(files, [&](const SourceFile& file) { return !named(file); });
}

Result<std::vector<SourceFile>> files_of(const fs::path& path) {
  LATHE_TRY(const auto paths, list_files(path, source_endings(), true));
  std::vector<SourceFile> files;
  for (const fs::path& file : paths) {
    std::error_code code;
    const bool one = file == path || fs::is_regular_file(path, code);
    // What other commands record beside the texts they write is no text.
    if (!one && (file.filename() == kManifestFile || file.filename() == "downloads.json")) continue;
    const auto bytes = fs::file_size(file, code);
    if (code) return error_at(file.string(), -1, "cannot ask for the size: ", code.message());
    files.push_back({file, one ? file.filename().string() : file.lexically_relative(path).generic_string(),
                     static_cast<int64_t>(bytes)});
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
  else path = download_folder(source, base), downloaded = true;

  std::error_code code;
  if (!fs::exists(path, code)) {
    if (!downloaded)
      return error_at(path.string(), -1, "source \"", source.name, "\": no such file or folder");
    return error_at(path.string(), -1, "source \"", source.name, "\": ", source.dataset_name, " is not on this machine; get it with `",
                    download_command(source), "`, or stand local files in for it: --source-map ", source.name, "=PATH");
  }
  LATHE_TRY(std::vector<SourceFile> files, files_of(path));
  if (downloaded) {
    choose(files, source.subset);
    choose(files, source.split);
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
