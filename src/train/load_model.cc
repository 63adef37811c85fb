#include "train/load_model.h"

#include <algorithm>

#include "core/log.h"
#include "tensor/safetensors.h"

namespace lathe::train {
namespace {

struct Source {
  const char* name;
  const char* folder;
};
constexpr Source kSources[] = {
    {"base", "base_checkpoints"}, {"mid", "mid_checkpoints"}, {"sft", "chatsft_checkpoints"}, {"dpo", "chatdpo_checkpoints"},
    {"rl", "chatrl_checkpoints"}};

std::string comma_list(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : ", ") + word;
  return out;
}

std::vector<std::string> tags_of(const fs::path& root) {
  std::vector<std::string> tags;
  std::error_code code;
  for (const auto& entry : fs::directory_iterator(root, code))
    if (entry.is_directory(code) && !entry.path().filename().string().starts_with('.')) tags.push_back(entry.path().filename().string());
  std::sort(tags.begin(), tags.end());
  return tags;
}

Result<fs::path> run_folder(const fs::path& root, const std::string& source, const std::string& tag) {
  std::error_code code;
  if (fs::is_directory(root / tag, code)) return root / tag;
  const std::vector<std::string> tags = tags_of(root);
  return error_at((root / tag).string(), -1, "no ", source, " model of this tag; ",
                  tags.empty() ? "there is none at all" : "there are " + comma_list(tags));
}

Result<tokenizer::Tokenizer> tokenizer_of(const fs::path& base, const CheckpointMeta& meta) {
  const std::string own = meta.user_config.is_object() ? meta.user_config.get_string("tokenizer", "") : "";
  return own.empty() ? tokenizer::Tokenizer::load_base(base) : tokenizer::Tokenizer::load(own);
}

// Row C-6.10: the config of the origin's older state does not say that it has no value embeddings; the tensors do.
Status recognise_old_state(const fs::path& weights, model::ModelConfig& config) {
  if (config.family != model::Family::kChat) return {};
  LATHE_TRY(const SafetensorsFile file, read_safetensors(weights));
  for (const auto& [name, tensor] : file.tensors)
    if (name.find("value_embeds.") != std::string::npos) return {};
  const std::string window_pattern = config.window_pattern;
  model::apply_chat_state(config, model::ChatState::kOld);
  config.window_pattern = window_pattern;
  log_info("checkpoint", weights.string(), ": no value embeddings, taken as the older architecture");
  return {};
}

Status check_tokenizer(const tokenizer::Tokenizer& tokenizer, const CheckpointMeta& meta, const model::ModelConfig& config,
                       const fs::path& run) {
  if (tokenizer.vocab_size() != config.vocab_size)
    return error_at(run.string(), -1, "the tokenizer has ", tokenizer.vocab_size(), " tokens, the model was built for ",
                    config.vocab_size, "; put back the tokenizer it was trained with");
  if (meta.tokenizer_hash.empty()) {
    log_warning("checkpoint", run.string(), ": the checkpoint does not say which tokenizer it was trained with");
    return {};
  }
  if (tokenizer.hash() == meta.tokenizer_hash) return {};
  return error_at(run.string(), -1, "the tokenizer (", tokenizer.hash().substr(0, 12), ") is not the one this model was trained with (",
                  meta.tokenizer_hash.substr(0, 12), "), although it has the same size; put that one back, or train again");
}

}  // namespace

const std::vector<std::string>& model_sources() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> out;
    for (const Source& source : kSources) out.emplace_back(source.name);
    return out;
  }();
  return names;
}

Result<fs::path> checkpoint_root(const fs::path& base, const std::string& source) {
  for (const Source& known : kSources)
    if (source == known.name) return base / known.folder;
  return error_at("source", -1, "\"", source, "\" is none of ", comma_list(model_sources()));
}

Result<LoadedModel> load_model(const fs::path& base, const std::string& source, const std::string& tag, int64_t step,
                               DType dtype, bool with_gradients,
                               const std::function<Status(const model::ModelConfig&)>& accept) {
  LATHE_TRY(const fs::path root, checkpoint_root(base, source));
  std::string name = tag;
  if (name.empty()) {
    LATHE_TRY(name, guess_tag(root));
  }
  LATHE_TRY(const fs::path run, run_folder(root, source, name));
  if (step < 0) {
    LATHE_TRY(step, latest_step(run));
  }
  LATHE_TRY(CheckpointMeta meta, read_meta(run, step));
  const fs::path folder = checkpoint_folder(run, step);
  LATHE_TRY(model::ModelConfig config, model::ModelConfig::from_json(meta.model_config, (folder / "meta.json").string()));
  const fs::path weights = folder / "model.safetensors";
  const WeightsOrigin origin = meta.model_config.contains("chat_state") ? WeightsOrigin::kOwn : WeightsOrigin::kForeign;
  if (origin == WeightsOrigin::kForeign) LATHE_TRY_STATUS(recognise_old_state(weights, config));
  LATHE_TRY(tokenizer::Tokenizer tokenizer, tokenizer_of(base, meta));
  LATHE_TRY_STATUS(check_tokenizer(tokenizer, meta, config, run));
  log_info("checkpoint", "loading ", run.string(), " step ", step);
  log_info("checkpoint", "model config ", config.to_json().dump());
  if (accept) LATHE_TRY_STATUS(accept(config));
  auto model = std::make_unique<model::Transformer>(config, dtype, Device::kCpu, with_gradients);
  LATHE_TRY_STATUS(load_weights(weights, *model, origin));
  return LoadedModel{std::move(model), std::move(tokenizer), std::move(meta), run, name};
}

}  // namespace lathe::train
