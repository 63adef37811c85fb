#include "train/checkpoint_names.h"

#include <algorithm>
#include <charconv>

#include "core/log.h"
#include "tensor/safetensors.h"

namespace lathe::train {
namespace {

// The step of the folder that run/<name> is a link to; -1 without one.
int64_t named_step(const fs::path& run, const std::string& name) {
  std::error_code code;
  const std::string target = fs::read_symlink(run / name, code).filename().string();
  constexpr std::string_view kPrefix = "step_";
  int64_t step = -1;
  if (code || !target.starts_with(kPrefix)) return -1;
  const auto [end, failed] = std::from_chars(target.data() + kPrefix.size(), target.data() + target.size(), step);
  return failed == std::errc() && end == target.data() + target.size() ? step : -1;
}

Status check_readable(const fs::path& run, int64_t step) {
  LATHE_TRY([[maybe_unused]] const CheckpointMeta meta, read_meta(run, step));
  std::error_code code;
  bool has_model = false;
  for (const fs::directory_entry& entry : fs::directory_iterator(checkpoint_folder(run, step), code)) {
    if (entry.path().extension() != ".safetensors") continue;
    has_model = has_model || entry.path().filename() == kModelFile;
    LATHE_TRY([[maybe_unused]] const SafetensorsFile file, read_safetensors(entry.path()));
  }
  if (!has_model) return error_at(checkpoint_folder(run, step).string(), -1, "holds no ", kModelFile);
  return {};
}

}  // namespace

Status name_checkpoint(const fs::path& run, const std::string& name, int64_t step) {
  const fs::path fresh = run / (name + ".new");
  std::error_code code;
  fs::remove(fresh, code);
  fs::create_directory_symlink(checkpoint_folder(run, step).filename(), fresh, code);
  if (!code) fs::rename(fresh, run / name, code);
  if (code) return error_at((run / name).string(), -1, "cannot be pointed at step ", step, ": ", code.message());
  return {};
}

Result<NamedCheckpoint> find_named_checkpoint(const fs::path& run, WhichCheckpoint which) {
  LATHE_TRY(const std::vector<int64_t> steps, checkpoint_steps(run));
  const int64_t best = named_step(run, kBestName);
  int64_t last = named_step(run, kLastName);
  if (!steps.empty() && last >= 0) last = std::max(last, steps.back());  // a crash between a save and its name
  std::vector<NamedCheckpoint> wanted;
  if (which != WhichCheckpoint::kBest) wanted.push_back({last, kLastName});
  if (which != WhichCheckpoint::kLast) wanted.push_back({best, kBestName});
  // Where both names or what they stand for are lost.
  if (which == WhichCheckpoint::kAuto && !steps.empty()) wanted.push_back({steps.back(), "the newest checkpoint"});
  std::string reasons;
  for (const NamedCheckpoint& candidate : wanted) {
    const Status status = candidate.step < 0 ? Status(error("there is no ", candidate.name)) : check_readable(run, candidate.step);
    if (status.ok()) {
      log_info("train", "checkpoint ", candidate.name, ": step ", candidate.step);
      return candidate;
    }
    if (candidate.step >= 0) log_warning("train", candidate.name, " is passed over: ", status.error().to_string());
    reasons += (reasons.empty() ? "" : "; ") + status.error().to_string();
  }
  std::error_code code;
  for (const char* foreign : {"ckpt.pt", "ckpt_best.pt"})
    if (fs::exists(run / foreign, code))
      return error_at((run / foreign).string(), -1, "is a Python pickle, which is not supported: reading one runs the code in it");
  return error_at(run.string(), -1, "no checkpoint can be used: ", reasons, "; train first with lathe train_tinyllm");
}

}  // namespace lathe::train
