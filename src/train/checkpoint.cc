#include "train/checkpoint.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <set>

#include "core/log.h"
#include "tensor/safetensors.h"

namespace lathe::train {
namespace {

constexpr std::string_view kPrefix = "step_";
constexpr const char *kOptimizerFile = "optimizer.safetensors", *kEmaFile = "ema.safetensors";
constexpr int64_t kMetaBytes = 1 << 20;  // generous: metadata and file system overhead

// The number of "step_123", or -1.
int64_t step_of(const std::string& name) {
  if (!name.starts_with(kPrefix) || name.size() == kPrefix.size()) return -1;
  if (name[kPrefix.size()] == '0' && name.size() > kPrefix.size() + 1) return -1;  // checkpoint_folder would not find it
  int64_t step = 0;
  for (const char c : name.substr(kPrefix.size())) {
    if (c < '0' || c > '9' || step > (int64_t{1} << 53)) return -1;
    step = step * 10 + (c - '0');
  }
  return step;
}

std::vector<std::pair<std::string, Tensor>> weights_of(const model::Transformer& model) {
  std::vector<std::pair<std::string, Tensor>> tensors;
  for (const autograd::Parameter* p : model.parameters()) tensors.emplace_back(p->name, p->value);
  return tensors;
}

// Brings the names and gaps of the chat origin's older states to what the model expects.
void adopt_foreign(const fs::path& file, const model::Transformer& model, SafetensorsFile& tensors) {
  constexpr std::string_view kCompiled = "_orig_mod.";
  for (auto& [name, tensor] : tensors.tensors)
    if (name.starts_with(kCompiled)) name.erase(0, kCompiled.size());
  const auto fill = [&](const char* name, float value) {
    const autograd::Parameter* parameter = model.find(name);
    if (parameter == nullptr || tensors.find(name) != nullptr) return;
    Tensor filled = Tensor::empty(parameter->value.shape(), DType::kFloat32);
    for (float& x : filled.span<float>()) x = value;
    tensors.tensors.emplace_back(name, filled);
    log_info("checkpoint", file.string(), ": no ", name, ", taken as ", value);
  };
  fill("resid_lambdas", 1);
  fill("x0_lambdas", 0);
}

// The files were written a moment ago and are read from memory: docs/notes/028-report.md has the cost.
Status write_checkpoint_manifest(const fs::path& folder, const CheckpointMeta& meta) {
  Manifest manifest;
  manifest.kind = kCheckpointKind;
  manifest.settings = Json::object();  // they stand in meta.json
  manifest.config_sha256 = config_hash(meta.user_config);
  manifest.tokenizer_sha256 = meta.tokenizer_hash;
  manifest.inputs = meta.inputs;
  LATHE_TRY(const std::vector<fs::path> files, list_files(folder, {""}, false));
  for (const fs::path& file : files) {
    LATHE_TRY(FileRecord record, record_file(file, file.filename().string()));
    manifest.outputs.push_back(std::move(record));
  }
  manifest.details["stage"] = meta.stage;
  manifest.details["step"] = meta.step;
  if (!meta.sources.empty()) manifest.details["sources"] = Json(Json::Array(meta.sources.begin(), meta.sources.end()));
  if (!meta.not_recorded.empty()) manifest.details["not_recorded"] = Json(Json::Array(meta.not_recorded.begin(), meta.not_recorded.end()));
  return write_manifest(folder, manifest);
}

Status remove_leftovers(const fs::path& run) {
  std::error_code code;
  for (const auto& entry : fs::directory_iterator(run, code))
    if (entry.path().filename().string().starts_with(".saving_")) fs::remove_all(entry.path(), code);
  return {};
}

}  // namespace

Json CheckpointMeta::to_json() const {
  Json out = Json::object();
  out["schema"] = kCheckpointSchema;
  out["step"] = step;
  out["stage"] = stage;
  out["val_bpb"] = val_bpb && std::isfinite(*val_bpb) ? Json(*val_bpb) : Json();
  out["tokenizer_hash"] = tokenizer_hash;
  out["model_config"] = model_config;
  out["user_config"] = user_config;
  for (const char* key : {"device_batch_size", "max_seq_len"})
    if (const Json* value = user_config.find(key)) out[key] = *value;
  out["dataloader_state_dict"] = loader_state;
  out["loop_state"] = loop_state;
  out["optimizer"] = optimizer;
  if (ema_updates > 0) out["ema_updates"] = ema_updates;
  return out;
}

Result<CheckpointMeta> CheckpointMeta::from_json(const Json& json, const std::string& path) {
  if (!json.is_object()) return error_at(path, -1, "the metadata is not an object");
  if (const int64_t schema = json.get_int("schema", 0); schema != kCheckpointSchema)
    return error_at(path, -1, "checkpoint schema ", schema, " is not known (", kCheckpointSchema, " is)");
  CheckpointMeta meta;
  meta.step = json.get_int("step", -1);
  if (meta.step < 0) return error_at(path, -1, "key \"step\" is missing");
  meta.stage = json.get_string("stage", "base");
  meta.tokenizer_hash = json.get_string("tokenizer_hash", "");
  const auto part = [&](const char* key) { return json.contains(key) ? json.at(key) : Json(); };
  meta.model_config = part("model_config");
  if (!meta.model_config.is_object()) return error_at(path, -1, "key \"model_config\" is missing");
  meta.user_config = part("user_config");
  meta.loader_state = part("dataloader_state_dict");
  meta.loop_state = part("loop_state");
  meta.optimizer = part("optimizer");
  meta.ema_updates = json.get_int("ema_updates", 0);
  if (const Json* bpb = json.find("val_bpb"); bpb && bpb->is_number() && std::isfinite(bpb->as_double())) meta.val_bpb = bpb->as_double();
  return meta;
}

fs::path checkpoint_folder(const fs::path& run, int64_t step) {
  return run / (std::string(kPrefix) + std::to_string(step));
}

Result<std::vector<int64_t>> checkpoint_steps(const fs::path& run) {
  std::vector<int64_t> steps;
  std::error_code code;
  if (!fs::exists(run, code)) return steps;
  for (const auto& entry : fs::directory_iterator(run, code)) {
    const int64_t step = step_of(entry.path().filename().string());
    // A folder gets its final name only when whole; one that lost its metadata later is not offered either.
    if (step >= 0 && fs::exists(entry.path() / "meta.json", code) &&
        (fs::exists(entry.path() / kModelFile, code) || fs::exists(entry.path() / kAdapterFile, code)))
      steps.push_back(step);
  }
  if (code) return error_at(run.string(), -1, "cannot list the checkpoints: ", code.message());
  std::sort(steps.begin(), steps.end());
  return steps;
}

Result<int64_t> latest_step(const fs::path& run) {
  LATHE_TRY(const std::vector<int64_t> steps, checkpoint_steps(run));
  if (!steps.empty()) return steps.back();
  std::error_code code;
  for (const auto& entry : fs::directory_iterator(run, code)) {
    if (step_of(entry.path().filename().string()) < 0) continue;
    const char* gone = fs::exists(entry.path() / "meta.json", code) ? kModelFile : "meta.json";
    return error_at(entry.path().string(), -1, "has no ", gone, " any more, and no other checkpoint is beside it; put the file back or name another --tag");
  }
  return error_at(run.string(), -1, "no checkpoint here; train one first (`lathe train`, `lathe sft`) or name another --tag");
}

Status ModelWeights::save(const fs::path& folder) const { return write_safetensors(folder / kModelFile, weights_of(model_)); }

Status ModelWeights::load(const fs::path& folder) { return load_weights(folder / kModelFile, model_); }

int64_t ModelWeights::bytes() const {
  int64_t bytes = 0;
  for (const autograd::Parameter* p : model_.parameters()) bytes += p->value.bytes();
  return bytes;
}

int64_t checkpoint_bytes(const Weights& weights, const optim::Optimizer* optimizer, int64_t averages) {
  int64_t bytes = kMetaBytes + weights.bytes() + averages;
  if (optimizer != nullptr)
    for (const auto& [name, tensor] : optimizer->state_tensors()) bytes += tensor.bytes();
  return bytes;
}

Status require_free_space(const fs::path& run, int64_t bytes) {
  LATHE_TRY(const int64_t free, free_disk_bytes(run));
  if (free >= bytes) return {};
  const auto mib = [](int64_t n) { return format_text("%.1f MiB", static_cast<double>(n) / (1 << 20)); };
  return error_at(run.string(), -1, "what must fit takes ", mib(bytes), ", ", mib(free), " are free; make space or choose another --base-dir or --output_dir");
}

Status save_checkpoint(const fs::path& run, const CheckpointMeta& meta, const Weights& weights, const optim::Optimizer* optimizer,
                       const optim::Ema* ema) {
  LATHE_TRY_STATUS(make_folders(run));
  LATHE_TRY_STATUS(remove_leftovers(run));
  const fs::path final_folder = checkpoint_folder(run, meta.step);
  const fs::path temporary = run / format_text(".saving_%lld.%d", static_cast<long long>(meta.step), static_cast<int>(::getpid()));
  const auto write_all = [&]() -> Status {
    LATHE_TRY_STATUS(make_folders(temporary));
    LATHE_TRY_STATUS(weights.save(temporary));
    if (optimizer != nullptr) LATHE_TRY_STATUS(write_safetensors(temporary / kOptimizerFile, optimizer->state_tensors()));
    if (ema != nullptr && ema->started()) LATHE_TRY_STATUS(write_safetensors(temporary / kEmaFile, ema->state_tensors()));
    LATHE_TRY_STATUS(write_json_atomic(temporary / "meta.json", meta.to_json()));
    return write_checkpoint_manifest(temporary, meta);
  };
  std::error_code code;
  if (Status written = write_all(); !written.ok()) {
    fs::remove_all(temporary, code);
    return written;
  }
  // Where a folder of this step stands already (a run that was started again) the two change places in one operation, so
  // that there is a whole one at every moment; the old one then goes with the leftovers.
  const unsigned flags = fs::exists(final_folder, code) ? RENAME_EXCHANGE : 0;
  if (::renameat2(AT_FDCWD, temporary.c_str(), AT_FDCWD, final_folder.c_str(), flags) != 0)
    return error_at(final_folder.string(), -1, "cannot put the checkpoint in place: ", std::strerror(errno));
  LATHE_TRY_STATUS(sync_folder(run));
  for (const char* name : {kModelFile, kAdapterFile, kOptimizerFile, kEmaFile, "meta.json", kManifestFile})
    if (const fs::path file = final_folder / name; fs::exists(file, code)) log_info("checkpoint", "saved ", file.string());
  return remove_leftovers(run);
}

Status update_meta(const fs::path& run, const CheckpointMeta& meta) {
  const fs::path folder = checkpoint_folder(run, meta.step);
  LATHE_TRY_STATUS(write_json_atomic(folder / "meta.json", meta.to_json()));
  return refresh_manifest(folder);
}

Status refresh_manifest(const fs::path& folder) {
  std::error_code code;
  if (!fs::exists(folder / kManifestFile, code)) return {};
  LATHE_TRY(Manifest manifest, read_manifest(folder, kCheckpointKind, "remove it"));
  LATHE_TRY(const FileRecord now, record_file(folder / "meta.json", "meta.json"));
  for (FileRecord& output : manifest.outputs)
    if (output.path == now.path) output = now;
  return write_manifest(folder, manifest);
}

Result<CheckpointMeta> read_meta(const fs::path& run, int64_t step) {
  const fs::path path = checkpoint_folder(run, step) / "meta.json";
  std::error_code code;
  if (!fs::exists(path, code)) {
    std::string known;
    if (const auto steps = checkpoint_steps(run); steps.ok())
      for (const int64_t s : steps.value()) known += (known.empty() ? "" : ", ") + std::to_string(s);
    return error_at(run.string(), -1, "no checkpoint of step ", step, known.empty() ? "; there is none at all" : "; there are steps " + known);
  }
  LATHE_TRY(const Json json, read_json(path));
  return CheckpointMeta::from_json(json, path.string());
}

Status load_weights(const fs::path& file, model::Transformer& model, WeightsOrigin origin) {
  LATHE_TRY(SafetensorsFile tensors, read_safetensors(file));
  return load_weights(std::move(tensors), file, model, origin);
}

Status load_weights(SafetensorsFile tensors, const fs::path& file, model::Transformer& model, WeightsOrigin origin) {
  if (origin == WeightsOrigin::kForeign) adopt_foreign(file, model, tensors);
  std::set<std::string> known;
  for (autograd::Parameter* p : model.parameters()) {
    known.insert(p->name);
    const Tensor* tensor = tensors.find(p->name);
    if (tensor == nullptr) return error_at(file.string(), -1, "tensor \"", p->name, "\" is missing");
    if (tensor->shape() != p->value.shape())
      return error_at(file.string(), -1, "tensor \"", p->name, "\" has shape ", join_text(tensor->shape()), ", the model's is ", join_text(p->value.shape()));
    if (tensor->dtype() != DType::kFloat32 && tensor->dtype() != DType::kBFloat16)
      return error_at(file.string(), -1, "tensor \"", p->name, "\" is ", dtype_name(tensor->dtype()), ", fp32 or bf16 is needed");
  }
  for (const auto& [name, tensor] : tensors.tensors)
    if (known.erase(name) == 0) return error_at(file.string(), -1, "tensor \"", name, "\" does not belong to this model");
  for (autograd::Parameter* p : model.parameters()) p->value.copy_from(tensors.find(p->name)->to(DType::kFloat32));
  model.refresh_compute();
  return {};
}

Status load_optimizer(const fs::path& file, const Json& metadata, optim::Optimizer& optimizer) {
  LATHE_TRY(const SafetensorsFile tensors, read_safetensors(file));
  if (const Status status = optimizer.load(metadata, tensors.tensors); !status.ok())
    return error_at(file.string(), -1, status.error().to_string());
  return {};
}

Status load_average(const fs::path& folder, const CheckpointMeta& meta, optim::Ema& ema) {
  if (meta.ema_updates == 0) return {};
  const fs::path file = folder / kEmaFile;
  LATHE_TRY(const SafetensorsFile tensors, read_safetensors(file));
  if (const Status status = ema.load(tensors.tensors, meta.ema_updates); !status.ok())
    return error_at(file.string(), -1, status.error().to_string());
  return {};
}

Result<std::string> guess_tag(const fs::path& root) {
  std::error_code code;
  std::vector<fs::directory_entry> entries;
  for (const auto& entry : fs::directory_iterator(root, code))
    if (entry.is_directory(code) && !entry.path().filename().string().starts_with('.')) entries.push_back(entry);
  std::sort(entries.begin(), entries.end());  // the same guess whatever order the file system lists
  std::string best, newest;
  int64_t best_depth = -1;
  fs::file_time_type newest_time{};
  for (const auto& entry : entries) {
    const std::string name = entry.path().filename().string();
    size_t digits = 1;
    while (digits < name.size() && name[digits] >= '0' && name[digits] <= '9') ++digits;
    if (name.starts_with('d') && digits > 1 && digits < 10) {
      const int64_t depth = std::stoll(name.substr(1, digits - 1));
      const bool plain = digits == name.size();
      if (depth > best_depth || (depth == best_depth && plain)) best = name, best_depth = depth;
    }
    const fs::file_time_type time = entry.last_write_time(code);
    if (!code && (newest.empty() || time > newest_time)) newest = name, newest_time = time;
  }
  const std::string tag = best.empty() ? newest : best;
  if (tag.empty()) return error_at(root.string(), -1, "no trained model here; run `lathe train` first, or name --base-dir");
  log_info("checkpoint", "no tag given, taken: ", tag);
  return tag;
}

}  // namespace lathe::train
