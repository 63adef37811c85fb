#include "tokenizer/tokenizer_file.h"

#include "core/json.h"
#include "tokenizer/bpe_model.h"
#include "tokenizer/tiktoken_pickle.h"
#include "tokenizer/tokenizer.h"

namespace lathe::tokenizer {
namespace {

constexpr const char* kFormat = "lathe-tokenizer";
constexpr int64_t kVersion = 1;

Result<TokenizerParts> read_native(const fs::path& path) {
  LATHE_TRY(const Json file, read_json(path));
  const std::string name = path.string();
  const Json *format = file.find("format"), *version = file.find("version"), *kind = file.find("kind");
  if (!format || !format->is_string() || format->as_string() != kFormat)
    return error_at(name, -1, "not a lathe tokenizer: \"format\" must be \"", kFormat, "\"");
  if (!version || !version->is_int() || version->as_int() != kVersion)
    return error_at(name, -1, "\"version\" must be ", kVersion, ": the file is damaged or newer than this program");
  if (!kind || !kind->is_string() || kind->as_string() != "bpe") return error_at(name, -1, "\"kind\" must be \"bpe\"");
  TokenizerParts parts;
  parts.path = path;
  LATHE_TRY(parts.model, BpeModel::from_json(file, name));
  const Json *specials = file.find("special_tokens"), *hash = file.find("sha256");
  if (!specials || !specials->is_array()) return error_at(name, -1, "\"special_tokens\" must be an array of names");
  for (const Json& special : specials->as_array()) {
    if (!special.is_string()) return error_at(name, -1, "\"special_tokens\" must be an array of names");
    parts.special_tokens.push_back(special.as_string());
  }
  if (!hash || !hash->is_string() || hash->as_string().size() != 64)
    return error_at(name, -1, "\"sha256\" must be 64 hexadecimal digits");
  parts.hash = hash->as_string();
  return parts;
}

Result<TokenizerParts> read_ranks(const fs::path& path) {
  LATHE_TRY(const std::string text, read_file(path));
  TokenizerParts parts{path, nullptr, chat_special_tokens(), ""};
  LATHE_TRY(parts.model, BpeModel::from_ranks(chat_split(), text, path.string()));
  return parts;
}

Result<TokenizerParts> read_pickle(const fs::path& path) {
  LATHE_TRY(TiktokenPickle encoding, read_tiktoken_pickle(path));
  const SplitPattern* split = find_split(encoding.pattern);
  if (!split) return error_at(path.string(), -1, "unknown split pattern ", encoding.pattern);
  auto model = BpeModel::make(*split, encoding.tokens);
  if (!model.ok()) return error_at(path.string(), -1, model.error().message);
  return TokenizerParts{path, std::move(model).value(), std::move(encoding.special_tokens), ""};
}

}  // namespace

Result<TokenizerParts> read_tokenizer(const fs::path& file_or_folder) {
  std::error_code code;
  // A name without an ending that does not exist was meant as a folder.
  const bool file = !fs::is_directory(file_or_folder, code) && file_or_folder.has_extension();
  fs::path path = file ? file_or_folder : file_or_folder / kTokenizerFile;
  if (!file && !fs::exists(path, code) && fs::exists(file_or_folder / kPickleFile, code))
    path = file_or_folder / kPickleFile;
  if (!fs::exists(path, code))
    return error_at(path.string(), -1, "no tokenizer found; train one with: lathe tokenizer train");
  auto parts = path.extension() == ".pkl"        ? read_pickle(path)
               : path.extension() == ".tiktoken" ? read_ranks(path)
                                                 : read_native(path);
  if (parts.ok()) return parts;
  Error damaged = parts.error();
  damaged.message += kTokenizerRemedy;
  return damaged;
}

Status write_tokenizer(const fs::path& folder, const TokenModel& model, const std::vector<std::string>& special_tokens,
                       const std::string& hash) {
  Json file(Json::Object{{"format", kFormat}, {"version", kVersion}});
  Json content = model.to_json();
  for (Json::Member& member : content.as_object()) file.as_object().push_back(std::move(member));
  file["special_tokens"] = Json(Json::Array(special_tokens.begin(), special_tokens.end()));
  file["sha256"] = hash;
  return write_json_atomic(folder / kTokenizerFile, file);
}

}  // namespace lathe::tokenizer
