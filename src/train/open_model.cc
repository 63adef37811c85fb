#include "train/open_model.h"

#include "model/hugging_face.h"
#include "train/open_gguf.h"
#include "train/origin_checkpoint.h"

namespace lathe::train {

Result<LoadedModel> open_model(const fs::path& path, DType dtype) {
  if (path.extension() == ".gguf") return open_gguf(path, dtype);
  if (origin_step(path) >= 0) return open_origin_checkpoint(path, dtype);
  std::error_code code;
  if (!fs::exists(path / "config.json", code))
    return error_at(path.string(), -1, "is no folder of a model: there is no config.json in it");
  LATHE_TRY(tokenizer::Tokenizer tokenizer, tokenizer::Tokenizer::load(path));
  LATHE_TRY(std::unique_ptr<model::Transformer> model, model::load_hugging_face(path, dtype));
  if (tokenizer.vocab_size() > model->config().vocab_size)
    return error_at(path.string(), -1, "the tokenizer has ", tokenizer.vocab_size(), " tokens, the model only ", model->config().vocab_size);
  CheckpointMeta meta;
  meta.stage = "base";
  meta.tokenizer_hash = tokenizer.hash();
  meta.model_config = model->config().to_json();
  meta.user_config = Json::object();
  const fs::path full = fs::absolute(path, code).lexically_normal();
  const std::string tag = full.has_filename() ? full.filename().string() : full.parent_path().filename().string();
  return LoadedModel{std::move(model), {}, std::move(tokenizer), std::move(meta), path, tag, {path / "model.safetensors"}, 16};
}

}  // namespace lathe::train
