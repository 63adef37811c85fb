#include "train/provenance.h"

#include <algorithm>
#include <set>

namespace lathe::train {
namespace {

constexpr int kFoldersAbove = 3;  // <base>/manifest.json lists base_data/shard.jsonl and eval/x.jsonl

fs::path whole(const fs::path& path) {
  std::error_code code;
  const fs::path out = fs::weakly_canonical(path, code);
  return code ? fs::absolute(path, code).lexically_normal() : out;
}

bool is_below(const fs::path& path, const fs::path& folder) {
  const fs::path relative = path.lexically_relative(folder);
  return !relative.empty() && *relative.begin() != "..";
}

bool lists(const Manifest& manifest, const fs::path& folder, const fs::path& source) {
  return std::any_of(manifest.outputs.begin(), manifest.outputs.end(), [&](const FileRecord& output) {
    const fs::path file = (folder / output.path).lexically_normal();
    return file == source || is_below(file, source);
  });
}

// The manifest that says what the source is; empty when there is none.
fs::path manifest_of(const fs::path& source) {
  std::error_code code;
  const bool is_folder = fs::is_directory(source, code);
  if (is_folder && fs::exists(source / kManifestFile, code)) return source / kManifestFile;
  fs::path folder = source.parent_path();
  for (int i = 0; i < kFoldersAbove && folder.has_relative_path(); ++i, folder = folder.parent_path()) {
    const fs::path file = folder / kManifestFile;
    if (!fs::exists(file, code)) continue;
    const Result<Manifest> manifest = read_manifest(file, "", "");
    if (manifest.ok() && lists(manifest.value(), folder, source)) return file;
  }
  return {};
}

}  // namespace

Result<MadeFrom> record_sources(const fs::path& base, const fs::path& folder, std::span<const fs::path> sources,
                                std::span<const fs::path> beside) {
  MadeFrom out;
  std::set<fs::path> known;
  const fs::path root = whole(base), from = whole(folder);
  const auto name_of = [&](const fs::path& path) { return is_below(path, root) ? path.lexically_relative(from).generic_string() : path.string(); };
  const auto record = [&](const fs::path& file) -> Status {
    if (!known.insert(file).second) return {};
    LATHE_TRY(FileRecord made, record_file(file, name_of(file)));
    out.inputs.push_back(std::move(made));
    return {};
  };
  const auto add = [&](const fs::path& given, bool is_source) -> Status {
    const fs::path source = whole(given);
    std::error_code code;
    if (given.empty() || !fs::exists(source, code)) return {};
    if (is_source) out.sources.push_back(name_of(source));
    if (const fs::path manifest = manifest_of(source); !manifest.empty()) return record(manifest);
    LATHE_TRY(const std::vector<fs::path> files, list_files(source, {""}, true));
    int64_t bytes = 0;
    for (const fs::path& file : files) bytes += static_cast<int64_t>(fs::file_size(file, code));
    if (bytes > kHashedWithoutManifest) {
      out.not_recorded.push_back(name_of(source));
      return {};
    }
    for (const fs::path& file : files) LATHE_TRY_STATUS(record(file));
    return {};
  };
  for (const fs::path& given : sources) LATHE_TRY_STATUS(add(given, true));
  for (const fs::path& given : beside) LATHE_TRY_STATUS(add(given, false));
  return out;
}

}  // namespace lathe::train
