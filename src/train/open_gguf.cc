#include "train/open_gguf.h"

#include "model/gguf_model.h"
#include "train/chat_record.h"

namespace lathe::train {
namespace {

constexpr std::string_view kPrefix = "tokenizer.ggml.";

std::string key_of(std::string_view name) { return join_text(kPrefix, name); }

Error wrong_kind(const std::string& path, std::string_view name, std::string_view expected) {
  return error_at(path, -1, "key \"", kPrefix, name, "\" must be ", expected);
}

// Each reads one key into `out`, which stays as it is where the key is missing.
Status read_text(const GgufFile& file, const std::string& path, const char* name, std::string& out) {
  const GgufValue* value = file.find(key_of(name));
  if (value == nullptr) return {};
  const auto text = value->text();
  if (!text) return wrong_kind(path, name, "a text");
  out = *text;
  return {};
}

Status read_flag(const GgufFile& file, const std::string& path, const char* name, bool& out) {
  const GgufValue* value = file.find(key_of(name));
  if (value == nullptr) return {};
  if (!value->boolean()) return wrong_kind(path, name, "a bool");
  out = *value->boolean();
  return {};
}

Status read_id(const GgufFile& file, const std::string& path, const char* name, std::optional<int32_t>& out) {
  const GgufValue* value = file.find(key_of(name));
  if (value == nullptr) return {};
  const auto id = value->integer();
  // The file's way to say "none".
  if (id == int64_t{UINT32_MAX}) return {};
  if (!id || *id < 0 || *id > INT32_MAX) return wrong_kind(path, name, "a token's id");
  out = static_cast<int32_t>(*id);
  return {};
}

Status read_texts(const GgufFile& file, const std::string& path, const char* name, std::vector<std::string>& out) {
  const GgufValue* value = file.find(key_of(name));
  if (value == nullptr) return {};
  const auto texts = value->texts();
  if (!texts) return wrong_kind(path, name, "an array of texts");
  out.assign(texts->begin(), texts->end());
  return {};
}

}  // namespace

Result<tokenizer::GgufVocabulary> read_gguf_vocabulary(const GgufFile& file, const std::string& path) {
  tokenizer::GgufVocabulary out;
  LATHE_TRY_STATUS(read_text(file, path, "model", out.model));
  if (out.model.empty()) return error_at(path, -1, "has no tokenizer: key \"", kPrefix, "model\" is missing");
  LATHE_TRY_STATUS(read_text(file, path, "pre", out.pre));
  LATHE_TRY_STATUS(read_texts(file, path, "tokens", out.tokens));
  LATHE_TRY_STATUS(read_texts(file, path, "merges", out.merges));
  if (const GgufValue* value = file.find(key_of("scores"))) {
    const auto scores = value->numbers();
    if (!scores) return wrong_kind(path, "scores", "an array of numbers");
    for (const double score : *scores) out.scores.push_back(static_cast<float>(score));
  }
  if (const GgufValue* value = file.find(key_of("token_type"))) {
    const auto types = value->integers();
    if (!types) return wrong_kind(path, "token_type", "an array of whole numbers");
    for (const int64_t type : *types) out.types.push_back(type >= 1 && type <= 6 ? static_cast<int32_t>(type) : 0);
  }
  if (const GgufValue* value = file.find(key_of("precompiled_charsmap"))) {
    const auto bytes = value->integers();
    if (!bytes) return wrong_kind(path, "precompiled_charsmap", "an array of bytes");
    for (const int64_t byte : *bytes) out.charsmap += static_cast<char>(byte);
  }
  LATHE_TRY_STATUS(read_id(file, path, "bos_token_id", out.bos));
  LATHE_TRY_STATUS(read_id(file, path, "eos_token_id", out.eos));
  LATHE_TRY_STATUS(read_id(file, path, "unknown_token_id", out.unknown));
  LATHE_TRY_STATUS(read_id(file, path, "padding_token_id", out.padding));
  LATHE_TRY_STATUS(read_flag(file, path, "add_space_prefix", out.add_space_prefix));
  LATHE_TRY_STATUS(read_flag(file, path, "remove_extra_whitespaces", out.remove_extra_whitespaces));
  return out;
}

std::vector<std::pair<std::string, GgufValue>> gguf_vocabulary_keys(const tokenizer::GgufVocabulary& v) {
  std::vector<std::pair<std::string, GgufValue>> out;
  const auto add = [&](const char* name, GgufValue value) { out.emplace_back(key_of(name), std::move(value)); };
  add("model", GgufValue::of_text(v.model));
  add("pre", GgufValue::of_text(v.pre));
  add("tokens", GgufValue::of_texts(v.tokens));
  if (!v.scores.empty()) add("scores", GgufValue::of_floats(v.scores));
  add("token_type", GgufValue::of_ints(v.types));
  if (v.model == "gpt2") add("merges", GgufValue::of_texts(v.merges));
  const auto add_id = [&](const char* name, const std::optional<int32_t>& id) {
    if (id) add(name, GgufValue::of_uint32(static_cast<uint32_t>(*id)));
  };
  add_id("bos_token_id", v.bos);
  add_id("eos_token_id", v.eos);
  add_id("unknown_token_id", v.unknown);
  add_id("padding_token_id", v.padding);
  add("add_bos_token", GgufValue::of_bool(v.bos.has_value()));
  add("add_eos_token", GgufValue::of_bool(false));
  if (v.model == "gpt2") return out;
  add("add_space_prefix", GgufValue::of_bool(v.add_space_prefix));
  add("remove_extra_whitespaces", GgufValue::of_bool(v.remove_extra_whitespaces));
  return out;
}

Result<LoadedModel> open_gguf(const fs::path& path, DType dtype) {
  const std::string name = path.string();
  LATHE_TRY(const GgufFile file, read_gguf(path));
  LATHE_TRY(const tokenizer::GgufVocabulary vocabulary, read_gguf_vocabulary(file, name));
  LATHE_TRY(tokenizer::Tokenizer tokenizer, tokenizer::tokenizer_from_gguf(vocabulary, name));
  LATHE_TRY(std::unique_ptr<model::Transformer> model, model::load_gguf(file, name, dtype, false, tokenizer.vocab_size()));
  CheckpointMeta meta;
  meta.stage = "base";
  meta.tokenizer_hash = tokenizer.hash();
  meta.model_config = model->config().to_json();
  meta.user_config = Json::object();
  if (const GgufValue* jinja = file.find("tokenizer.chat_template"); jinja != nullptr && jinja->text())
    note_chat_template(*jinja->text(), tokenizer, meta.user_config);
  return LoadedModel{std::move(model), {}, std::move(tokenizer), std::move(meta), path, path.stem().string(), {path}, 16};
}

}  // namespace lathe::train
