#include "train/retention.h"

#include <algorithm>
#include <cstdio>

#include "core/json.h"
#include "core/log.h"
#include "tensor/safetensors.h"
#include "train/checkpoint.h"

namespace lathe::train {
namespace {

constexpr const char* kRemoving = ".removing_";

Status require_whole(const fs::path& checkpoint) {
  std::error_code code;
  LATHE_TRY(const Json meta, read_json(checkpoint / "meta.json"));
  int64_t files = 0;
  for (const auto& entry : fs::directory_iterator(checkpoint, code))
    if (entry.path().extension() == ".safetensors") {
      LATHE_TRY(const SafetensorsFile file, read_safetensors(entry.path()));
      ++files;
    }
  if (code || !meta.is_object() || files == 0) return error_at(checkpoint.string(), -1, "is not a whole checkpoint; no older one is removed");
  return {};
}

}  // namespace

Status keep_checkpoint(const fs::path& checkpoint, const std::string& reason) {
  const fs::path path = checkpoint / kKeepFile;
  Json reasons = Json::array();
  std::error_code code;
  if (fs::exists(path, code)) {
    LATHE_TRY(const Json before, read_json(path));
    if (const Json* list = before.find("reasons"); list != nullptr && list->is_array()) reasons = *list;
  }
  for (const Json& known : reasons.as_array())
    if (known == Json(reason)) return {};
  reasons.push_back(reason);
  return write_json_atomic(path, Json(Json::Object{{"reasons", std::move(reasons)}}));
}

std::vector<int64_t> surplus_steps(const std::vector<int64_t>& steps, int64_t newest, int64_t best, const std::set<int64_t>& kept) {
  std::vector<int64_t> out;
  if (newest <= 0) return out;
  for (int64_t i = 0; i + newest < std::ssize(steps); ++i)
    if (const int64_t step = steps[static_cast<size_t>(i)]; step != best && kept.count(step) == 0) out.push_back(step);
  return out;
}

Result<std::vector<int64_t>> remove_surplus(const fs::path& run, int64_t saved, int64_t newest, int64_t best) {
  LATHE_TRY_STATUS(require_whole(checkpoint_folder(run, saved)));
  LATHE_TRY(std::vector<int64_t> steps, checkpoint_steps(run));
  std::set<int64_t> kept = {saved};
  std::error_code code;
  for (const int64_t step : steps)
    if (fs::exists(checkpoint_folder(run, step) / kKeepFile, code)) kept.insert(step);
  // Later steps belong to a course that was left; they are neither counted nor removed.
  steps.erase(std::upper_bound(steps.begin(), steps.end(), saved), steps.end());
  const std::vector<int64_t> surplus = surplus_steps(steps, newest, best, kept);
  for (const int64_t step : surplus) {
    const fs::path folder = checkpoint_folder(run, step), gone = run / (kRemoving + std::to_string(step));
    fs::rename(folder, gone, code);
    if (code) return error_at(folder.string(), -1, "cannot be removed: ", code.message());
    log_info("checkpoint", "removed ", folder.string());
  }
  for (const auto& entry : fs::directory_iterator(run, code))  // also what an earlier interruption left
    if (entry.path().filename().string().starts_with(kRemoving)) fs::remove_all(entry.path(), code);
  return surplus;
}

}  // namespace lathe::train
