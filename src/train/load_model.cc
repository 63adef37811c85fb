#include "train/load_model.h"

#include <algorithm>

#include "core/log.h"
#include "tensor/safetensors.h"
#include "train/adapter_weights.h"
#include "train/origin_checkpoint.h"

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
  std::vector<std::string> others;
  for (const std::string& other : model_sources())
    if (auto place = checkpoint_root(root.parent_path(), other); place.ok() && other != source && fs::is_directory(place.value() / tag, code))
      others.push_back("--source " + other);
  return error_at((root / tag).string(), -1, "no ", source, " model of this tag; ", tags.empty() ? "there is none at all" : "there are " + comma_list(tags),
                  others.empty() ? "" : "; the tag has " + comma_list(others));
}

Result<tokenizer::Tokenizer> tokenizer_of(const fs::path& base, const CheckpointMeta& meta) {
  const std::string own = meta.user_config.is_object() ? meta.user_config.get_string("tokenizer", "") : "";
  if (own.empty()) return tokenizer::Tokenizer::load_base(base);
  std::error_code code;  // of an imported model: below the base folder, which may have moved
  return tokenizer::Tokenizer::load(fs::path(own).is_relative() && fs::exists(base / own, code) ? base / own : fs::path(own));
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

// The files of a checkpoint: of a whole model, or of an adapter with all that it rests on.
struct Files {
  fs::path weights;
  std::vector<fs::path> adapters;  // folders, the lowest first
  int weight_bits = 16;
};

Result<Files> files_of(const fs::path& folder, const fs::path& base) {
  std::error_code code;
  if (!fs::exists(folder / kAdapterFile, code)) return Files{folder / kModelFile, {}, 16};
  LATHE_TRY(const model::AdapterFolder adapter, model::read_adapter_folder(folder));
  if (!adapter.has_record)
    return error_at((folder / model::kAdapterRecordName).string(), -1, "is missing; it says which base the adapter belongs to");
  Files files;
  LATHE_TRY(files.weights, find_ground(adapter.record.base, base));
  for (const model::AdapterGround& below : adapter.record.below) {
    LATHE_TRY(const fs::path file, find_ground(below, base));
    files.adapters.push_back(file.parent_path());
  }
  files.adapters.push_back(folder);
  files.weight_bits = adapter.record.weight_bits;
  return files;
}

// On a frozen model; for training they become part of the weights.
Result<std::vector<std::unique_ptr<model::Adapter>>> attach_adapters(const Files& files, model::Transformer& model, bool with_gradients) {
  std::vector<std::unique_ptr<model::Adapter>> adapters;
  if (files.adapters.empty()) return adapters;
  if (!with_gradients) model.freeze();
  if (files.weight_bits != 16) {
    if (!with_gradients && model.dtype() == DType::kBFloat16)
      model.quantize(files.weight_bits == 8 ? ops::WeightBits::kEight : ops::WeightBits::kFour, false);
    else
      log_warning("checkpoint", "the adapter was trained on weights of ", files.weight_bits, " bits; it now stands on full ones");
  }
  for (const fs::path& folder : files.adapters) {
    LATHE_TRY(std::unique_ptr<model::Adapter> adapter, model::load_adapter(model, folder, false));
    log_info("checkpoint", "adapter ", folder.string());
    if (with_gradients) LATHE_TRY_STATUS(adapter->merge());
    else adapters.push_back(std::move(adapter));
  }
  return adapters;
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
  LATHE_TRY(const Files files, files_of(folder, base));
  const WeightsOrigin origin = meta.model_config.contains("chat_state") ? WeightsOrigin::kOwn : WeightsOrigin::kForeign;
  if (origin == WeightsOrigin::kForeign && config.family == model::Family::kChat) {
    LATHE_TRY(const SafetensorsFile tensors, read_safetensors(files.weights));
    LATHE_TRY_STATUS(recognise_chat_state(tensors, files.weights, config));
  }
  LATHE_TRY(tokenizer::Tokenizer tokenizer, tokenizer_of(base, meta));
  LATHE_TRY_STATUS(check_tokenizer(tokenizer, meta, config, run));
  log_info("checkpoint", "loading ", run.string(), " step ", step);
  log_info("checkpoint", "model config ", config.to_json().dump());
  if (accept) LATHE_TRY_STATUS(accept(config));
  auto model = std::make_unique<model::Transformer>(config, dtype, Device::kCpu, with_gradients);
  LATHE_TRY_STATUS(load_weights(files.weights, *model, origin));
  LATHE_TRY(auto adapters, attach_adapters(files, *model, with_gradients));
  std::vector<fs::path> paths = {files.weights};
  for (const fs::path& adapter : files.adapters) paths.push_back(adapter / model::kAdapterTensorsName);
  return LoadedModel{std::move(model), std::move(adapters), std::move(tokenizer), std::move(meta), run, name, std::move(paths), files.weight_bits};
}

Result<model::AdapterRecord> ground_of(const LoadedModel& loaded) {
  model::AdapterRecord record;
  LATHE_TRY(record.base, ground_of(loaded.files.front()));
  for (size_t i = 1; i < loaded.files.size(); ++i) {
    LATHE_TRY(model::AdapterGround ground, ground_of(loaded.files[i]));
    record.below.push_back(std::move(ground));
  }
  record.weight_bits = loaded.weight_bits;
  record.tokenizer_hash = loaded.tokenizer.hash();
  return record;
}

}  // namespace lathe::train
