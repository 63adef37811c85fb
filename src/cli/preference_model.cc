#include "cli/preference_model.h"

#include "core/sha256.h"
#include "train/adapter_weights.h"

namespace lathe::cli {
namespace {

Result<model::AdapterGround> ground(const fs::path& file) {
  LATHE_TRY(std::string hash, sha256_file(file));
  return model::AdapterGround{fs::absolute(file).lexically_normal().string(), std::move(hash)};
}

Status verify(const model::AdapterGround& part, const fs::path& adapter) {
  std::error_code code;
  if (part.path.empty() || !fs::exists(part.path, code))
    return error_at(adapter.string(), -1, "rests on ", part.path.empty() ? "a base that its record does not name" : part.path, ", which is not there; put it back");
  LATHE_TRY(const std::string hash, sha256_file(part.path));
  if (hash != part.sha256)
    return error_at(part.path, -1, "has changed since the adapter ", adapter.string(), " was trained on it (sha256 ", hash.substr(0, 12), "..., recorded ",
                    part.sha256.substr(0, 12), "...)");
  return {};
}

Result<std::unique_ptr<model::Transformer>> whole_model(const train::CheckpointMeta& meta, const fs::path& file, DType dtype, bool with_gradients) {
  LATHE_TRY(const model::ModelConfig config, model::ModelConfig::from_json(meta.model_config, file.string()));
  auto model = std::make_unique<model::Transformer>(config, dtype, Device::kCpu, with_gradients);
  LATHE_TRY_STATUS(train::load_weights(file, *model));
  return model;
}

Status add_adapter(PreferenceModel& out, const LoraFlags& flags, uint64_t seed) {
  model::AdapterConfig config;
  config.r = flags.r;
  config.alpha = flags.lora_alpha;
  config.dropout = flags.lora_dropout;
  config.rslora = flags.use_rslora;
  config.dora = flags.use_dora;
  config.targets = flags.target_modules;
  LATHE_TRY(out.adapter, model::Adapter::create(*out.model, config, seed));
  out.record.tokenizer_hash = out.meta.tokenizer_hash;
  return {};
}

Status no_checkpoint(const fs::path& folder) {
  std::error_code code;
  std::vector<fs::path> inner;
  for (const auto& entry : fs::directory_iterator(folder, code))
    if (entry.is_directory(code) && fs::exists(entry.path() / "meta.json", code)) inner.push_back(entry.path());
  const std::string remedy = "; fine-tune one: lathe 70_train_sft --config config/sft/training/lora_optimal_tiny_23m.json";
  if (inner.size() == 1) return error_at(folder.string(), -1, "holds no checkpoint, but ", inner[0].string(), " does; give that as --model_path");
  return error_at(folder.string(), -1, fs::exists(folder, code) ? "holds no checkpoint" : "no such checkpoint", remedy);
}

}  // namespace

void describe(SettingsTable& t, LoraFlags& f) {
  t.group("adapter");
  t.add("lora", &f.lora, "train a low-rank adapter; its reference is the same model with the adapter off");
  t.add("r", &f.r, "rank").aliases = {"lora_r"};
  t.add("lora_alpha", &f.lora_alpha, "scale: alpha / r");
  t.add("lora_dropout", &f.lora_dropout, "has no effect here: dropout is off in preference training");
  t.add("target_modules", &f.target_modules, "layers; empty: all seven");
  t.add("use_rslora", &f.use_rslora, "scale by alpha / sqrt(r)");
  t.add("use_dora", &f.use_dora, "magnitudes of their own");
}

std::vector<autograd::Parameter*> PreferenceModel::frozen() const {
  std::vector<autograd::Parameter*> out = model->parameters();
  for (const auto& one : below) out.insert(out.end(), one->parameters().begin(), one->parameters().end());
  return out;
}

std::unique_ptr<train::Weights> PreferenceModel::weights() const {
  if (adapter) return std::make_unique<train::AdapterWeights>(*adapter, record);
  return std::make_unique<train::ModelWeights>(*model);
}

Result<PreferenceModel> preference_model(std::unique_ptr<model::Transformer> model, train::CheckpointMeta meta, const fs::path& checkpoint,
                                         const LoraFlags& flags, uint64_t seed) {
  PreferenceModel out;
  out.meta = std::move(meta);
  out.files = {checkpoint / train::kModelFile};
  out.model = std::move(model);
  if (!flags.lora) return out;
  LATHE_TRY(out.record.base, ground(out.files[0]));
  out.model->freeze();
  LATHE_TRY_STATUS(add_adapter(out, flags, seed));
  return out;
}

Result<PreferenceModel> load_preference_model(const fs::path& checkpoint, DType dtype, const LoraFlags& flags, uint64_t seed) {
  std::error_code code;
  if (!fs::exists(checkpoint / "meta.json", code)) return no_checkpoint(checkpoint).error();
  LATHE_TRY(const Json json, read_json(checkpoint / "meta.json"));
  LATHE_TRY(train::CheckpointMeta meta, train::CheckpointMeta::from_json(json, (checkpoint / "meta.json").string()));
  if (fs::exists(checkpoint / train::kModelFile, code)) {
    LATHE_TRY(auto model, whole_model(meta, checkpoint / train::kModelFile, dtype, !flags.lora));
    return preference_model(std::move(model), std::move(meta), checkpoint, flags, seed);
  }
  if (!flags.lora)
    return error_at(checkpoint.string(), -1, "is an adapter; teach it preferences by an adapter, too (lora_config), or merge it into its base first");
  PreferenceModel out;
  LATHE_TRY(const model::AdapterFolder top, model::read_adapter_folder(checkpoint));
  LATHE_TRY_STATUS(verify(top.record.base, checkpoint));
  out.meta = std::move(meta);
  LATHE_TRY(out.model, whole_model(out.meta, top.record.base.path, dtype, false));
  out.model->freeze();
  out.files = {top.record.base.path};
  out.record.base = top.record.base;
  out.record.below = top.record.below;
  for (const model::AdapterGround& part : top.record.below) {
    LATHE_TRY_STATUS(verify(part, checkpoint));
    out.files.emplace_back(part.path);
  }
  out.files.push_back(checkpoint / model::kAdapterTensorsName);
  LATHE_TRY(model::AdapterGround own, ground(out.files.back()));
  out.record.below.push_back(std::move(own));
  for (size_t i = 1; i < out.files.size(); ++i) {
    LATHE_TRY(auto adapter, model::load_adapter(*out.model, out.files[i].parent_path(), false));
    out.below.push_back(std::move(adapter));
  }
  LATHE_TRY_STATUS(add_adapter(out, flags, seed));
  return out;
}

}  // namespace lathe::cli
