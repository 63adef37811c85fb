#include "train/origin_checkpoint.h"

#include <charconv>

#include "core/log.h"
#include "tensor/torch_file.h"
#include "train/open_model.h"

namespace lathe::train {
namespace {

constexpr std::string_view kModelPrefix = "model_", kModelEnding = ".pt";

fs::path model_file(const fs::path& folder, int64_t step) { return folder / format_text("model_%06lld.pt", static_cast<long long>(step)); }
fs::path meta_file(const fs::path& folder, int64_t step) { return folder / format_text("meta_%06lld.json", static_cast<long long>(step)); }

Result<tokenizer::Tokenizer> tokenizer_beside(const fs::path& folder) {
  std::error_code code;
  const fs::path base = fs::absolute(folder, code).lexically_normal() / "..";
  for (const fs::path& place : {folder, folder / "tokenizer", base.lexically_normal() / "tokenizer", (base / "..").lexically_normal() / "tokenizer"})
    for (const char* name : {"tokenizer.pkl", "tokenizer.json"})
      if (fs::exists(place / name, code)) return tokenizer::Tokenizer::load(place);
  return error_at(folder.string(), -1, "no tokenizer.pkl in it, in its folder tokenizer, or in <base>/tokenizer two folders up");
}

}  // namespace

int64_t origin_step(const fs::path& folder) {
  std::error_code code;
  int64_t largest = -1;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, code)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(kModelPrefix) || !name.ends_with(kModelEnding) || name.size() <= kModelPrefix.size() + kModelEnding.size()) continue;
    const std::string digits = name.substr(kModelPrefix.size(), name.size() - kModelPrefix.size() - kModelEnding.size());
    int64_t step = -1;
    const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), step);
    if (failed != std::errc() || end != digits.data() + digits.size() || step < 0 || model_file(folder, step).filename() != name) continue;
    largest = std::max(largest, step);
  }
  return largest;
}

static Result<model::ChatState> chat_state_of(const SafetensorsFile& tensors, const fs::path& file) {
  const auto has = [&](std::string_view part) {
    for (const auto& [name, tensor] : tensors.tensors)
      if (name.find(part) != std::string::npos) return true;
    return false;
  };
  int newest = 0;
  for (const char* name : {"smear_gate.weight", "smear_lambda", "backout_lambda"}) newest += has(name) ? 1 : 0;
  if (newest != 0 && newest != 3)
    return error_at(file.string(), -1, "holds some but not all of smear_gate.weight, smear_lambda and backout_lambda: it is of no known state");
  if (newest == 3) {
    log_info("checkpoint", file.string(), ": smear and backout tensors, taken as the newest architecture");
    return model::ChatState::kNewest;
  }
  if (has("value_embeds.")) return model::ChatState::kSeed;
  log_info("checkpoint", file.string(), ": no value embeddings, taken as the older architecture");
  return model::ChatState::kOld;
}

Status recognise_chat_state(const SafetensorsFile& tensors, const fs::path& file, model::ModelConfig& config) {
  LATHE_TRY(const model::ChatState state, chat_state_of(tensors, file));
  const std::string window_pattern = config.window_pattern;
  if (state != config.chat_state) model::apply_chat_state(config, state);
  config.window_pattern = window_pattern;
  return {};
}

// The settings of a model_config, which does not say its state.
static Result<model::ModelConfig> config_of(const SafetensorsFile& tensors, const fs::path& weights, const fs::path& description) {
  LATHE_TRY(const Json json, read_json(description));
  const Json* stated = json.find("model_config");
  if (stated == nullptr || !stated->is_object()) return error_at(description.string(), -1, "key \"model_config\" is missing");
  LATHE_TRY(const model::ChatState state, chat_state_of(tensors, weights));
  model::ModelConfig of_state;
  model::apply_chat_state(of_state, state);
  Json full = *stated;
  full["chat_state"] = of_state.to_json().at("chat_state");
  return model::ModelConfig::from_json(full, description.string());
}

Result<LoadedModel> open_origin_checkpoint(const fs::path& folder, DType dtype) {
  const int64_t step = origin_step(folder);
  if (step < 0) return error_at(folder.string(), -1, "holds no model_NNNNNN.pt");
  const fs::path weights = model_file(folder, step), description = meta_file(folder, step);
  LATHE_TRY(TorchFile file, read_torch_file(weights));
  if (!file.others.empty()) return error_at(weights.string(), -1, "key \"", file.others.front(), "\" is no tensor; a model's weights were expected");
  SafetensorsFile tensors{std::move(file.tensors), {}, file.file};
  LATHE_TRY(const model::ModelConfig config, config_of(tensors, weights, description));
  LATHE_TRY(tokenizer::Tokenizer tokenizer, tokenizer_beside(folder));
  if (tokenizer.vocab_size() != config.vocab_size)
    return error_at(folder.string(), -1, "the tokenizer has ", tokenizer.vocab_size(), " tokens, the model was built for ", config.vocab_size);
  // A model of the file's size is made only for a file that could fill it.
  int64_t elements = 0;
  for (const auto& [name, tensor] : tensors.tensors) elements += tensor.elements();
  if (config.n_layer > static_cast<int64_t>(tensors.tensors.size()) || config.padded_vocab() > elements || config.n_embd > elements)
    return error_at(weights.string(), -1, "its ", tensors.tensors.size(), " tensors of ", elements, " elements are no model of ", description.string());
  const int64_t needed = model::Transformer(config, dtype, Device::kMeta).counts().total;
  if (needed / 2 > elements)
    return error_at(weights.string(), -1, "holds ", elements, " elements, the model of ", description.string(), " has ", needed, " parameters");
  auto model = std::make_unique<model::Transformer>(config, dtype);
  LATHE_TRY_STATUS(load_weights(std::move(tensors), weights, *model, WeightsOrigin::kForeign));
  log_info("checkpoint", "read ", weights.string(), ", step ", step);
  CheckpointMeta meta;
  meta.stage = "base";
  meta.tokenizer_hash = tokenizer.hash();
  meta.model_config = model->config().to_json();
  meta.user_config = Json::object();
  return LoadedModel{std::move(model), {}, std::move(tokenizer), std::move(meta), folder, tag_of(folder), {weights}, 16};
}

}  // namespace lathe::train
