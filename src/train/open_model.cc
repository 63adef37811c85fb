#include "train/open_model.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "model/hugging_face.h"
#include "tokenizer/tokenizer_file.h"
#include "train/chat_record.h"
#include "train/open_gguf.h"
#include "train/origin_checkpoint.h"

namespace lathe::train {

std::string tag_of(const fs::path& path) {
  std::error_code code;
  const fs::path full = fs::absolute(path, code).lexically_normal();
  return (full.has_filename() ? full : full.parent_path()).filename().string();
}

namespace {

LoadedModel opened(const fs::path& path, std::string tag, tokenizer::Tokenizer tokenizer, std::unique_ptr<model::Transformer> model,
                   std::vector<fs::path> files) {
  CheckpointMeta meta;
  meta.stage = "base";
  meta.tokenizer_hash = tokenizer.hash();
  meta.model_config = model->config().to_json();
  meta.user_config = Json::object();
  return LoadedModel{std::move(model), {}, std::move(tokenizer), std::move(meta), path, std::move(tag), std::move(files), 16};
}

Result<LoadedModel> open_hugging_face(const fs::path& path, DType dtype) {
  constexpr std::array kTokenizers = {tokenizer::kTokenizerFile, "tokenizer.model", "spm.model", "vocab.json", "encoder.json", "tokenizer.pkl"};
  std::error_code code;
  if (std::none_of(kTokenizers.begin(), kTokenizers.end(), [&](const char* name) { return fs::exists(path / name, code); }))
    return error_at(path.string(), -1, "has no tokenizer: put the model's tokenizer.json, or tokenizer.model, or vocab.json with merges.txt, beside its config.json");
  LATHE_TRY(tokenizer::Tokenizer tokenizer, tokenizer::Tokenizer::load(path));
  LATHE_TRY(std::unique_ptr<model::Transformer> model, model::load_hugging_face(path, dtype, false, tokenizer.vocab_size()));
  LATHE_TRY(std::vector<fs::path> files, model::hugging_face_weight_files(path));
  LoadedModel loaded = opened(path, tag_of(path), std::move(tokenizer), std::move(model), std::move(files));
  note_chat_files(path, loaded.tokenizer, loaded.meta.user_config);
  return loaded;
}

Result<LoadedModel> open_any(const fs::path& path, DType dtype) {
  std::error_code code;
  if (path.extension() == ".gguf") return open_gguf(path, dtype);
  if (origin_step(path) >= 0) return open_origin_checkpoint(path, dtype);
  if (fs::exists(path / "config.json", code)) return open_hugging_face(path, dtype);
  if (!fs::exists(path, code)) return error_at(path.string(), -1, "does not exist");
  return error_at(path.string(), -1, "is no folder of a model: there is no config.json and no model_NNNNNN.pt in it");
}

}  // namespace

Result<LoadedModel> open_model(const fs::path& path, DType dtype) {
  LATHE_TRY(LoadedModel loaded, open_any(path, dtype));
  for (const autograd::Parameter* p : loaded.model->parameters()) {
    const auto values = p->value.span<float>();
    if (!std::all_of(values.begin(), values.end(), [](float x) { return std::isfinite(x); }))
      return error_at(path.string(), -1, "tensor \"", p->name, "\" holds NaN or infinite values: its files are damaged, or its training went astray");
  }
  return loaded;
}

}  // namespace lathe::train
