#include "tokenizer/tokenizer_file.h"

#include "core/json.h"
#include "tokenizer/bpe_model.h"
#include "tokenizer/char_model.h"
#include "tokenizer/foreign_split.h"
#include "tokenizer/frozen.h"
#include "tokenizer/hf_file.h"
#include "tokenizer/spm_model.h"
#include "tokenizer/text_bpe_model.h"
#include "tokenizer/tiktoken.h"
#include "tokenizer/tiktoken_pickle.h"
#include "tokenizer/tokenizer.h"

namespace lathe::tokenizer {
namespace {

constexpr const char* kFormat = "lathe-tokenizer";
constexpr int64_t kVersion = 1;
constexpr uintmax_t kMostBytes = 256 << 20;  // the largest public tokenizer.json has 33 MB

Result<AddedToken> read_added(const Json& item, int64_t next_id, const std::string& path) {
  if (item.is_string()) return AddedToken{item.as_string(), static_cast<int32_t>(next_id)};
  const Json *text = item.find("text"), *id = item.find("id");
  if (!text || !text->is_string() || !id || !id->is_int() || id->as_int() < 0 || id->as_int() > INT32_MAX)
    return error_at(path, -1, "\"special_tokens\" must be an array of names or of objects with \"text\" and \"id\"");
  AddedToken token{text->as_string(), static_cast<int32_t>(id->as_int())};
  for (const auto& [key, flag] :
       {std::pair{"special", &token.special}, std::pair{"lstrip", &token.lstrip}, std::pair{"rstrip", &token.rstrip}})
    if (const Json* value = item.find(key)) {
      if (!value->is_bool()) return error_at(path, -1, "\"", key, "\" of special token ", token.text, " is no bool");
      *flag = value->as_bool();
    }
  return token;
}

// Names alone when the ids follow the model's, as the chat family has them.
Json added_to_json(const TokenModel& model, const std::vector<AddedToken>& added) {
  Json names = Json::array(), objects = Json::array();
  bool plain = true;
  for (const AddedToken& token : added) {
    plain &= token == AddedToken{token.text, static_cast<int32_t>(model.size() + static_cast<int64_t>(names.size()))};
    names.push_back(token.text);
    objects.push_back(Json(Json::Object{{"text", token.text},
                                        {"id", int64_t{token.id}},
                                        {"special", token.special},
                                        {"lstrip", token.lstrip},
                                        {"rstrip", token.rstrip}}));
  }
  return plain ? names : objects;
}

TokenizerParts parts_of(const fs::path& path, const Tokenizer& tokenizer) {
  return {path, tokenizer.shared_model(), tokenizer.added_tokens(), ""};
}

Result<std::shared_ptr<const TokenModel>> read_model(const std::string& kind, const Json& file, const std::string& name) {
  std::shared_ptr<const TokenModel> model;
  if (kind == "bpe") {
    LATHE_TRY(model, BpeModel::from_json(file, name));
  } else if (kind == "text_bpe") {
    LATHE_TRY(model, TextBpeModel::from_json(file, name));
  } else if (kind == "sentencepiece") {
    LATHE_TRY(model, SpmModel::from_json(file, name));
  } else if (kind == "char") {
    LATHE_TRY(model, CharModel::from_json(file, name));
  } else {
    return error_at(name, -1, "\"kind\" must be bpe, text_bpe, sentencepiece or char");
  }
  return model;
}

Result<TokenizerParts> read_json_file(const fs::path& path) {
  LATHE_TRY(const Json file, read_json(path));
  const std::string name = path.string();
  if (is_hugging_face(file)) {
    LATHE_TRY(const Tokenizer tokenizer, from_hugging_face(file, name));
    return parts_of(path, tokenizer);
  }
  const Json *format = file.find("format"), *version = file.find("version"), *kind = file.find("kind");
  if (!format || !format->is_string() || format->as_string() != kFormat)
    return error_at(name, -1, "not a lathe tokenizer: \"format\" must be \"", kFormat, "\"");
  if (!version || !version->is_int() || version->as_int() != kVersion)
    return error_at(name, -1, "\"version\" must be ", kVersion, ": the file is damaged or newer than this program");
  TokenizerParts parts;
  parts.path = path;
  LATHE_TRY(parts.model, read_model(kind && kind->is_string() ? kind->as_string() : "", file, name));
  const Json *specials = file.find("special_tokens"), *hash = file.find("sha256");
  if (!specials || !specials->is_array()) return error_at(name, -1, "\"special_tokens\" must be an array of names");
  for (const Json& special : specials->as_array()) {
    const int64_t next_id = parts.model->size() + static_cast<int64_t>(parts.added.size());
    LATHE_TRY(AddedToken token, read_added(special, next_id, name));
    parts.added.push_back(std::move(token));
  }
  if (!hash || !hash->is_string() || hash->as_string().size() != 64)
    return error_at(name, -1, "\"sha256\" must be 64 hexadecimal digits");
  parts.hash = hash->as_string();
  return parts;
}

TokenizerParts with_specials(const fs::path& path, std::shared_ptr<const TokenModel> model,
                             const std::vector<std::string>& names) {
  std::vector<AddedToken> added;
  for (const std::string& name : names)
    added.push_back({name, static_cast<int32_t>(model->size() + static_cast<int64_t>(added.size()))});
  return {path, std::move(model), std::move(added), ""};
}

Result<TokenizerParts> read_gpt2(const fs::path& vocabulary, const fs::path& merges) {
  LATHE_TRY(std::vector<std::string> tokens, read_gpt2_tokens(vocabulary, merges));
  const auto id = static_cast<int32_t>(tokens.size());
  auto model = BpeModel::make(*find_split_name("gpt2"), BpeVocabulary{std::move(tokens)});
  if (!model.ok()) return error_at(merges.string(), -1, model.error().message);
  return TokenizerParts{vocabulary, std::move(model).value(), {{kEndOfText, id}}, ""};
}

Result<TokenizerParts> read_pickle(const fs::path& path) {
  LATHE_TRY(TiktokenPickle encoding, read_tiktoken_pickle(path));
  const auto split = regex_split(encoding.pattern);
  if (!split.ok()) return error_at(path.string(), -1, split.error().message);
  auto model = BpeModel::make(*split.value(), encoding.tokens);
  if (!model.ok()) return error_at(path.string(), -1, model.error().message);
  return with_specials(path, std::move(model).value(), encoding.special_tokens);
}

// The hash that tokenizer_config.json beside a model states; empty when there is none of lathe's.
Result<std::string> stated_hash(const fs::path& folder) {
  std::error_code code;
  const fs::path path = folder / kTokenizerConfigFile;
  if (!fs::exists(path, code)) return std::string();
  LATHE_TRY(const Json config, read_json(path));
  const Json* hash = config.find("sha256_hash");
  if (!hash) return std::string();
  if (!hash->is_string() || hash->as_string().size() != 64)
    return error_at(path.string(), -1, "\"sha256_hash\" must be 64 hexadecimal digits");
  return hash->as_string();
}

Result<TokenizerParts> read_spm(const fs::path& path) {
  LATHE_TRY(std::string bytes, read_file(path));
  LATHE_TRY(std::shared_ptr<const SpmModel> model, SpmModel::make(std::move(bytes), path.string()));
  LATHE_TRY(std::string hash, stated_hash(path.parent_path()));
  std::vector<AddedToken> added = model->added_tokens();
  return TokenizerParts{path, std::move(model), std::move(added), std::move(hash)};
}

// The files of GPT-2's vocabulary under either pair of names.
constexpr std::pair<const char*, const char*> kGpt2Files[] = {{"encoder.json", "vocab.bpe"},
                                                              {"vocab.json", "merges.txt"}};

Result<TokenizerParts> read_any(const fs::path& path) {
  std::error_code code;
  if (const auto bytes = fs::file_size(path, code); !code && bytes > kMostBytes)
    return error_at(path.string(), -1, "has ", bytes, " bytes; at most ", kMostBytes, " are read");
  for (const auto& [vocabulary, merges] : kGpt2Files)
    if (path.filename() == vocabulary) return read_gpt2(path, path.parent_path() / merges);
  if (path.extension() == ".pkl") return read_pickle(path);
  if (is_rank_file(path)) {
    LATHE_TRY(const Tokenizer tokenizer, load_ranks(path));
    return parts_of(path, tokenizer);
  }
  if (path.extension() == ".model") return read_spm(path);
  return read_json_file(path);
}

}  // namespace

Result<TokenizerParts> read_tokenizer(const fs::path& file_or_folder) {
  std::error_code code;
  // A name without an ending that does not exist was meant as a folder.
  const bool file = !fs::is_directory(file_or_folder, code) && file_or_folder.has_extension();
  fs::path path = file ? file_or_folder : file_or_folder / kTokenizerFile;
  if (!file)
    for (const char* other : {kPickleFile, kSpmFile, "tokenizer.model", kGpt2Files[0].first, kGpt2Files[1].first})
      if (!fs::exists(path, code) && fs::exists(file_or_folder / other, code)) path = file_or_folder / other;
  if (!fs::exists(path, code))
    return error_at(path.string(), -1, "no tokenizer found; train one with: lathe tokenizer train");
  auto parts = read_any(path);
  if (parts.ok()) return parts;
  Error damaged = parts.error();
  damaged.message += kTokenizerRemedy;
  return damaged;
}

static Json content_of(const TokenModel& model, const std::vector<AddedToken>& added, const std::string& hash) {
  Json file(Json::Object{{"format", kFormat}, {"version", kVersion}});
  Json content = model.to_json();
  for (Json::Member& member : content.as_object()) file.as_object().push_back(std::move(member));
  file["special_tokens"] = added_to_json(model, added);
  file["sha256"] = hash;
  return file;
}

Json tokenizer_json(const Tokenizer& tokenizer) {
  return content_of(tokenizer.model(), tokenizer.added_tokens(), tokenizer.hash());
}

Status write_tokenizer(const fs::path& folder, const TokenModel& model, const std::vector<AddedToken>& added,
                       const std::string& hash) {
  return write_json_atomic(folder / kTokenizerFile, content_of(model, added, hash));
}

}  // namespace lathe::tokenizer
