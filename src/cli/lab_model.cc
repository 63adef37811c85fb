#include "cli/lab_model.h"

#include <algorithm>

#include "train/adapter_weights.h"

namespace lathe::cli {
namespace {

bool is_checkpoint(const fs::path& folder) {
  std::error_code code;
  return fs::exists(folder / "meta.json", code) &&
         (fs::exists(folder / train::kModelFile, code) || fs::exists(folder / model::kAdapterTensorsName, code));
}

// Checkpoints in the sub-folders of `folder`, or, with a name, <folder>/*/<name>.
std::vector<fs::path> checkpoints_below(const fs::path& folder, const fs::path& name) {
  std::vector<fs::path> found;
  std::error_code code;
  for (const auto& entry : fs::directory_iterator(folder, code))
    if (entry.is_directory(code))
      if (const fs::path candidate = name.empty() ? entry.path() : entry.path() / name; is_checkpoint(candidate))
        found.push_back(candidate);
  std::sort(found.begin(), found.end());
  return found;
}

Error no_checkpoint(const fs::path& path, const std::string& remedy) {
  std::error_code code;
  const bool exists = fs::exists(path, code);
  std::vector<fs::path> near = exists ? checkpoints_below(path, "") : checkpoints_below(path.parent_path(), path.filename());
  if (exists && near.empty()) near = checkpoints_below(path, "final");
  const std::string what = exists ? "holds no checkpoint itself, but " : "is not there, but ";
  if (near.size() == 1)
    return error_at(path.string(), -1, what, near[0].string(),
                    " is one; pretraining appends the model's name to --output_dir: give --model_path ", near[0].string());
  if (!near.empty()) {
    std::string names;
    for (const fs::path& one : near) names += (names.empty() ? "" : ", ") + one.string();
    return error_at(path.string(), -1, what, names, " are; give one of them as --model_path");
  }
  return error_at(path.string(), -1, exists ? "holds no checkpoint; " : "no such checkpoint; ", remedy);
}

}  // namespace

model::AdapterConfig LabLora::config() const {
  model::AdapterConfig config;
  config.r = r;
  config.alpha = lora_alpha;
  config.dropout = lora_dropout;
  config.rslora = use_rslora;
  config.dora = use_dora;
  config.targets = target_modules;
  return config;
}

void describe(SettingsTable& t, LabLora& f) {
  t.group("adapter");
  t.add("lora", &f.lora, "train a low-rank adapter; its reference is the same model with the adapter off");
  t.add("r", &f.r, "rank").aliases = {"lora_r"};
  t.add("lora_alpha", &f.lora_alpha, "scale: alpha / r");
  t.add("lora_dropout", &f.lora_dropout, "has no effect here: dropout is off in preference training");
  t.add("target_modules", &f.target_modules, "layers; empty: all seven");
  t.add("use_rslora", &f.use_rslora, "scale by alpha / sqrt(r)");
  t.add("use_dora", &f.use_dora, "magnitudes of their own");
}

Result<train::LoadedModel> load_lab_model(const std::string& model_path, const std::string& remedy,
                                          const tokenizer::Tokenizer& tokenizer, const std::string& tokenizer_dir,
                                          DType dtype, bool with_gradients) {
  if (model_path.empty()) return error_at("model_path", -1, "is needed; ", remedy);
  const fs::path given = model_path, checkpoint = given.has_filename() ? given : given.parent_path();
  if (!is_checkpoint(checkpoint)) return no_checkpoint(checkpoint, remedy);
  std::error_code code;
  const fs::path meta_file = checkpoint / "meta.json";
  LATHE_TRY(const Json json, read_json(meta_file));
  LATHE_TRY(train::CheckpointMeta meta, train::CheckpointMeta::from_json(json, meta_file.string()));
  if (meta.tokenizer_hash != tokenizer.hash())
    return error_at(checkpoint.string(), -1, "was trained with the tokenizer ", meta.tokenizer_hash.substr(0, 12),
                    "..., ", tokenizer_dir, " is ", tokenizer.hash().substr(0, 12),
                    "...; give the model's own --tokenizer_dir");
  LATHE_TRY(const model::ModelConfig config, model::ModelConfig::from_json(meta.model_config, meta_file.string()));
  LATHE_TRY_STATUS(config.validate());
  train::LoadedModel out{std::make_unique<model::Transformer>(config, dtype, Device::kCpu, with_gradients),
                         {},
                         tokenizer,
                         std::move(meta),
                         checkpoint,
                         "",
                         {},
                         16};
  std::vector<fs::path> adapters;
  if (fs::exists(checkpoint / train::kModelFile, code)) {
    out.files = {checkpoint / train::kModelFile};
  } else {
    LATHE_TRY(const model::AdapterFolder top, model::read_adapter_folder(checkpoint));
    LATHE_TRY(fs::path base, train::find_ground(top.record.base, checkpoint));
    out.files = {std::move(base)};
    for (const model::AdapterGround& below : top.record.below) {
      LATHE_TRY(fs::path file, train::find_ground(below, checkpoint));
      out.files.push_back(std::move(file));
    }
    out.files.push_back(checkpoint / model::kAdapterTensorsName);
  }
  LATHE_TRY_STATUS(train::load_weights(out.files[0], *out.model));
  if (!with_gradients) out.model->freeze();
  for (size_t i = 1; i < out.files.size(); ++i) {
    LATHE_TRY(auto adapter, model::load_adapter(*out.model, out.files[i].parent_path(), false));
    if (with_gradients)
      LATHE_TRY_STATUS(adapter->merge());
    else
      out.adapters.push_back(std::move(adapter));
  }
  return out;
}

}  // namespace lathe::cli
