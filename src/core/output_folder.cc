#include "core/output_folder.h"

#include <utility>

#include "core/check.h"
#include "core/manifest.h"

namespace lathe {
namespace {

constexpr const char* kConfigFile = ".config_sha256";  // in the sibling: of the run that writes it

fs::path with_ending(fs::path path, const char* ending) { return path += ending; }

// fs::remove_all follows no links and stops at the first thing it cannot remove.
Status remove_tree(const fs::path& path) {
  std::error_code code;
  fs::remove_all(path, code);
  if (code) return error_at(path.string(), -1, "cannot remove: ", code.message());
  return {};
}

Status move_folder(const fs::path& from, const fs::path& to) {
  std::error_code code;
  fs::rename(from, to, code);
  if (code) return error_at(to.string(), -1, "cannot put ", from.string(), " in place: ", code.message());
  return {};
}

bool is_empty_or_absent(const fs::path& path) {
  std::error_code code;
  return !fs::exists(path, code) || (fs::is_directory(path, code) && fs::is_empty(path, code));
}

}  // namespace

Result<OutputFolder> OutputFolder::open(const fs::path& path, const std::string& config_sha256, bool force) {
  OutputFolder folder;
  folder.path_ = path.has_filename() ? path : path.parent_path();  // "data/x/" means "data/x"
  folder.work_ = with_ending(folder.path_, ".partial");
  LATHE_TRY_STATUS(make_folders(folder.path_.parent_path()));
  LATHE_TRY(folder.lock_, FolderLock::take(folder.path_));

  // A crash between the two renames of commit() leaves the old content aside and nothing in its place.
  const fs::path old = with_ending(folder.path_, ".old");
  std::error_code code;
  if (fs::exists(old, code) && is_empty_or_absent(folder.path_)) {
    LATHE_TRY_STATUS(remove_tree(folder.path_));
    LATHE_TRY_STATUS(move_folder(old, folder.path_));
  }
  if (!is_empty_or_absent(folder.path_) && !force) {
    const Result<Manifest> manifest = read_manifest(folder.path_, "", "");
    if (manifest.ok() && manifest.value().config_sha256 == config_sha256) {
      folder.done_ = true;
      return folder;
    }
    return error_at(folder.path_.string(), -1, manifest.ok() ? "holds the result of other settings" : "is not empty and holds no manifest",
                    "; choose another folder, or --force to replace its content");
  }
  const Result<std::string> started = read_file(folder.work_ / kConfigFile);
  folder.continued_ = started.ok() && started.value() == config_sha256;
  if (!folder.continued_) {
    LATHE_TRY_STATUS(remove_tree(folder.work_));
    LATHE_TRY_STATUS(write_file_atomic(folder.work_ / kConfigFile, config_sha256));
  }
  return folder;
}

OutputFolder::OutputFolder(OutputFolder&& other) noexcept
    : path_(std::move(other.path_)),
      work_(std::move(other.work_)),
      done_(other.done_),
      continued_(other.continued_),
      lock_(std::move(other.lock_)) {}

Status OutputFolder::commit() {
  LATHE_CHECK(!done_ && lock_.held(), "commit() on a folder that is done: ", path_.string());
  std::error_code code;
  LATHE_CHECK(fs::exists(work_ / kManifestFile, code), "commit() without a manifest in ", work_.string());
  LATHE_TRY_STATUS(remove_tree(work_ / kConfigFile));
  LATHE_TRY_STATUS(sync_folder(work_));
  const fs::path old = with_ending(path_, ".old");
  LATHE_TRY_STATUS(remove_tree(old));
  if (fs::exists(path_, code)) LATHE_TRY_STATUS(move_folder(path_, old));
  LATHE_TRY_STATUS(move_folder(work_, path_));
  LATHE_TRY_STATUS(sync_folder(path_.parent_path()));
  done_ = true;
  return remove_tree(old);
}

}  // namespace lathe
