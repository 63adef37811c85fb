#include "train/adapter_weights.h"

#include <algorithm>

#include "core/sha256.h"

namespace lathe::train {
namespace {

// From the stage's folder on: base_checkpoints/d6/step_500/model.safetensors.
fs::path below_base(const fs::path& path) {
  fs::path out;
  bool found = false;
  for (const fs::path& part : path) {
    found = found || part.string().ends_with("_checkpoints");
    if (found) out /= part;
  }
  return out;
}

}  // namespace

Status AdapterWeights::load(const fs::path& folder) {
  LATHE_TRY(const model::AdapterFolder read, model::read_adapter_folder(folder));
  const auto same = [](const model::AdapterGround& a, const model::AdapterGround& b) { return a.sha256 == b.sha256; };
  if (!read.has_record || !same(read.record.base, record_.base))
    return error_at((folder / model::kAdapterRecordName).string(), -1, "the adapter was trained on another base (", read.record.base.path,
                    ") than ", record_.base.path);
  if (!std::equal(read.record.below.begin(), read.record.below.end(), record_.below.begin(), record_.below.end(), same))
    return error_at((folder / model::kAdapterRecordName).string(), -1, "the adapter was trained on top of other adapters");
  return model::fill_adapter(read, adapter_);
}

Result<fs::path> find_ground(const model::AdapterGround& ground, const fs::path& base) {
  std::error_code code;
  fs::path path = ground.path;
  if (const fs::path moved = below_base(path); !fs::exists(path, code) && !moved.empty()) path = base / moved;
  if (!fs::exists(path, code)) return error_at(ground.path, -1, "the adapter rests on this file, which is not here");
  if (!fs::is_regular_file(path, code)) return error_at(path.string(), -1, "the adapter's record names this as a file of weights; it is no file");
  LATHE_TRY(const std::string sha256, sha256_file(path));
  if (sha256 != ground.sha256)
    return error_at(path.string(), -1, "the adapter rests on another version of this file (SHA-256 ", ground.sha256.substr(0, 12), ", this one ",
                    sha256.substr(0, 12), ")");
  return path;
}

Result<model::AdapterGround> ground_of(const fs::path& file) {
  LATHE_TRY(std::string sha256, sha256_file(file));
  std::error_code code;
  const fs::path whole = fs::absolute(file, code);
  return model::AdapterGround{(code ? file : whole.lexically_normal()).string(), std::move(sha256)};
}

}  // namespace lathe::train
