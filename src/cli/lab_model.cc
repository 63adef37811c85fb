#include "cli/lab_model.h"

#include "train/adapter_weights.h"

namespace lathe::cli {
namespace {

Error no_checkpoint(const fs::path& folder) {
  std::error_code code;
  std::vector<fs::path> inner;
  for (const auto& entry : fs::directory_iterator(folder, code))
    if (entry.is_directory(code) && fs::exists(entry.path() / "meta.json", code)) inner.push_back(entry.path());
  if (inner.size() == 1)
    return error_at(folder.string(), -1, "holds no checkpoint, but ", inner[0].string(),
                    " does; give that as --model_path");
  return error_at(folder.string(), -1, fs::exists(folder, code) ? "holds no checkpoint" : "no such checkpoint",
                  "; fine-tune one: lathe 70_train_sft --config config/sft/training/lora_optimal_tiny_23m.json");
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

Result<train::LoadedModel> load_lab_model(const fs::path& checkpoint, const tokenizer::Tokenizer& tokenizer,
                                          const std::string& tokenizer_dir, DType dtype, bool with_gradients) {
  std::error_code code;
  const fs::path meta_file = checkpoint / "meta.json";
  if (!fs::exists(meta_file, code)) return no_checkpoint(checkpoint);
  LATHE_TRY(const Json json, read_json(meta_file));
  LATHE_TRY(train::CheckpointMeta meta, train::CheckpointMeta::from_json(json, meta_file.string()));
  if (meta.tokenizer_hash != tokenizer.hash())
    return error_at(tokenizer_dir, -1, "is another tokenizer than that of ", checkpoint.string(), " (",
                    tokenizer.hash().substr(0, 12), "..., recorded ", meta.tokenizer_hash.substr(0, 12), "...)");
  LATHE_TRY(const model::ModelConfig config, model::ModelConfig::from_json(meta.model_config, meta_file.string()));
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
