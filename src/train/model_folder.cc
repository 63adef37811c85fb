#include "train/model_folder.h"

#include <algorithm>
#include <vector>

#include "core/sha256.h"

namespace lathe::train {
namespace {

bool is_checkpoint(const fs::path& folder) {
  std::error_code code;
  return fs::exists(folder / "meta.json", code) && (fs::exists(folder / kModelFile, code) || fs::exists(folder / kAdapterFile, code));
}

// Checkpoints in the sub-folders of `folder`, or, with a name, <folder>/*/<name>.
std::vector<fs::path> checkpoints_below(const fs::path& folder, const fs::path& name) {
  std::vector<fs::path> found;
  std::error_code code;
  for (const auto& entry : fs::directory_iterator(folder, code))
    if (entry.is_directory(code))
      if (const fs::path candidate = name.empty() ? entry.path() : entry.path() / name; is_checkpoint(candidate)) found.push_back(candidate);
  std::sort(found.begin(), found.end());
  return found;
}

Error no_checkpoint(const fs::path& path, const std::string& remedy) {
  std::error_code code;
  const bool exists = fs::exists(path, code);
  std::vector<fs::path> near = exists ? checkpoints_below(path, "") : checkpoints_below(path.parent_path(), path.filename());
  if (exists && near.empty()) near = checkpoints_below(path, "final");
  if (near.size() == 1) return error_at(path.string(), -1, exists ? "holds no checkpoint itself, but " : "is not there, but ", near[0].string(),
                                        " is one; pretraining appends the model's name to --output_dir: give --model_path ", near[0].string());
  return error_at(path.string(), -1, exists ? "holds no checkpoint; " : "no such checkpoint; ", remedy);
}

}  // namespace

Result<ModelFolder> open_model_folder(const std::string& path, const std::string& remedy) {
  if (path.empty()) return error_at("model_path", -1, "is needed; ", remedy);
  fs::path folder = path;
  if (!folder.has_filename()) folder = folder.parent_path();
  if (!is_checkpoint(folder)) return no_checkpoint(folder, remedy);
  std::error_code code;
  if (!fs::exists(folder / kModelFile, code)) return error_at(path, -1, "is an adapter, not a whole model; merge it into its base first");
  ModelFolder model;
  model.folder = folder;
  LATHE_TRY(const Json meta, read_json(folder / "meta.json"));
  LATHE_TRY(model.meta, CheckpointMeta::from_json(meta, (folder / "meta.json").string()));
  LATHE_TRY(model.config, model::ModelConfig::from_json(model.meta.model_config, (folder / "meta.json").string()));
  LATHE_TRY_STATUS(model.config.validate());
  LATHE_TRY(model.sha256, sha256_file(folder / kModelFile));
  return model;
}

Status require_tokenizer(const ModelFolder& model, const tokenizer::Tokenizer& tokenizer, const std::string& tokenizer_path) {
  if (model.meta.tokenizer_hash == tokenizer.hash()) return {};
  return error_at(model.folder.string(), -1, "was trained with the tokenizer ", model.meta.tokenizer_hash.substr(0, 12), "..., ", tokenizer_path, " is ",
                  tokenizer.hash().substr(0, 12), "...; give the model's own --tokenizer_dir");
}

}  // namespace lathe::train
