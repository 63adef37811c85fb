#include "tokenizer/frozen.h"

#include <algorithm>
#include <map>

#include "core/manifest.h"
#include "tokenizer/spm_model.h"
#include "tokenizer/tokenizer_file.h"

namespace lathe::tokenizer {
namespace {

// The name in use for a role, in the order in which they are asked for.
std::optional<int32_t> first_of(const Tokenizer& tokenizer, std::initializer_list<const char*> names) {
  for (const char* name : names)
    if (const auto id = tokenizer.find_special(name)) return id;
  return std::nullopt;
}

void find_ids(FrozenTokenizer& frozen) {
  frozen.unk = find_unk(frozen.tokenizer);
  if (const auto* spm = dynamic_cast<const SpmModel*>(&frozen.tokenizer.model())) {
    frozen.bos = spm->ids().bos;
    frozen.eos = spm->ids().eos;
    frozen.pad = spm->ids().pad;
    return;
  }
  frozen.bos = frozen.tokenizer.find_bos();
  frozen.eos = first_of(frozen.tokenizer, {kAssistantEnd, kEndOfText, "<|im_end|>", "</s>"});
  frozen.pad = first_of(frozen.tokenizer, {"<pad>", "<|pad|>"});
}

// The record of a folder: its config, else its manifest; null when it has neither.
Result<Json> record_of(const fs::path& folder) {
  std::error_code code;
  for (const char* name : {kTokenizerConfigFile, kManifestFile})
    if (fs::exists(folder / name, code)) return read_json(folder / name);
  return Json();
}

std::string maker_of(const Json& record) {
  const std::string maker = record.get_string("created_by", "");
  if (!maker.empty()) return maker;
  const std::string version = record.get_string("tool_version", ""), ended = record.get_string("ended", "");
  return version.empty() ? "" : join_text("lathe ", version, ended.empty() ? "" : ", ", ended);
}

std::string padded(const std::string& text, size_t width) {
  return text + std::string(width - std::min(width, text.size()), ' ');
}

// The hash that most have; of equals, the first in the list.
std::string usual_hash(const std::vector<TokenizerUse>& uses) {
  std::map<std::string, int> counts;
  for (const TokenizerUse& use : uses) ++counts[use.hash];
  const TokenizerUse* usual = &uses.front();
  for (const TokenizerUse& use : uses)
    if (!use.hash.empty() && (usual->hash.empty() || counts[use.hash] > counts[usual->hash])) usual = &use;
  return usual->hash;
}

bool names_hash(const fs::path& file, const std::string& hash) {
  constexpr uintmax_t kMostBytes = 16 << 20;
  std::error_code code;
  if (const auto bytes = fs::file_size(file, code); code || bytes > kMostBytes) return false;
  const auto text = read_file(file);
  return text.ok() && text.value().find(hash) != std::string::npos;
}

bool lies_in(const fs::path& file, const fs::path& folder) {
  const auto inside = fs::weakly_canonical(file), outside = fs::weakly_canonical(folder);
  return std::mismatch(outside.begin(), outside.end(), inside.begin(), inside.end()).first == outside.end();
}

}  // namespace

std::optional<int32_t> find_unk(const Tokenizer& tokenizer) {
  if (const auto* spm = dynamic_cast<const SpmModel*>(&tokenizer.model())) return spm->ids().unk;
  return first_of(tokenizer, {"<unk>", "[UNK]"});
}

std::optional<int32_t> find_end_of_text(const Tokenizer& tokenizer) {
  if (const auto* spm = dynamic_cast<const SpmModel*>(&tokenizer.model()); spm && spm->ids().eos) return spm->ids().eos;
  return first_of(tokenizer, {"</s>", kEndOfText, "<|end_of_text|>", "<eos>", "[EOS]"});
}

Result<FrozenTokenizer> load_frozen(const fs::path& folder_or_file) {
  std::error_code code;
  const bool file = fs::is_regular_file(folder_or_file, code);
  const fs::path folder = file ? folder_or_file.parent_path() : folder_or_file;
  // A file that is no tokenizer itself stands for its folder (row L-3.24).
  fs::path path = folder_or_file;
  const std::string name = path.filename().string();
  if (file && (name == kTokenizerConfigFile || name == kManifestFile || path.extension() == ".vocab" ||
               path.extension() == ".md"))
    path = folder.empty() ? fs::path(".") : folder;
  if (!fs::exists(path, code) || (fs::is_directory(path, code) && fs::is_empty(path, code)))
    return error_at(path.string(), -1, "No tokenizer found; train it first: lathe 20_train_tokenizer --config ",
                    "config/pretrain/tokenizer/spm32k.json --output-dir ", path.string());
  LATHE_TRY(const TokenizerParts parts, read_tokenizer(path));
  LATHE_TRY(Tokenizer tokenizer, Tokenizer::load(parts.path));
  LATHE_TRY(const Json record, record_of(parts.path.parent_path()));
  for (const char* key : {"sha256_hash", "tokenizer_sha256"}) {
    const std::string stated = record.get_string(key, "");
    if (!stated.empty() && stated != tokenizer.hash())
      return error_at(parts.path.string(), -1, "the tokenizer has the SHA-256 ", tokenizer.hash(), ", its record says ", stated,
                      kTokenizerRemedy);
  }
  std::string hash = tokenizer.hash();
  FrozenTokenizer frozen{std::move(tokenizer), parts.path, std::move(hash), maker_of(record), {}, {}, {}, {}};
  find_ids(frozen);
  return frozen;
}

TokenizerUse use_of(const FrozenTokenizer& frozen) {
  return {frozen.path.string(), frozen.hash, frozen.created_by, "put the tokenizer back that the others were made with"};
}

Status check_same(const std::vector<TokenizerUse>& uses) {
  if (uses.empty()) return {};
  const auto differs = [&](const TokenizerUse& use) { return use.hash.empty() || use.hash != uses.front().hash; };
  if (std::none_of(uses.begin(), uses.end(), differs)) return {};
  size_t width = 4;
  for (const TokenizerUse& use : uses) width = std::max(width, use.path.size());
  std::string message = join_text(kMismatchTitle, "\n  ", padded("path", width), "  ", padded("sha256", 64), "  created by");
  for (const TokenizerUse& use : uses)
    message += join_text("\n  ", padded(use.path, width), "  ", padded(use.hash.empty() ? "(none recorded)" : use.hash, 64), "  ",
                         use.created_by.empty() ? "(not recorded)" : use.created_by);
  const std::string usual = usual_hash(uses);
  for (const TokenizerUse& use : uses)
    if (use.hash.empty() || use.hash != usual)
      message += join_text("\nrepair ", use.path, ": ",
                           use.repack.empty() ? join_text("lathe pack --corpus-dir CORPUS --tokenizer-dir ", uses.front().path,
                                                          " --output-dir ", use.path, " --force")
                                              : use.repack);
  return error(message);
}

Status write_tokenizer_config(const fs::path& folder, const Tokenizer& tokenizer, const std::string& created_by,
                              const Json& details) {
  Json specials = Json::object();
  for (const AddedToken& token : tokenizer.added_tokens()) specials[token.text] = int64_t{token.id};
  FrozenTokenizer frozen{tokenizer, folder, tokenizer.hash(), created_by, {}, {}, {}, {}};
  find_ids(frozen);
  const auto or_null = [](const std::optional<int32_t>& id) { return id ? Json(int64_t{*id}) : Json(); };
  Json config(Json::Object{{"format", "lathe-tokenizer-config"},
                           {"version", 1},
                           {"sha256_hash", tokenizer.hash()},
                           {"created_by", created_by},
                           {"vocab_size", tokenizer.vocab_size()},
                           {"unk_id", or_null(frozen.unk)},
                           {"bos_id", or_null(frozen.bos)},
                           {"eos_id", or_null(frozen.eos)},
                           {"pad_id", or_null(frozen.pad)},
                           {"special_tokens", std::move(specials)}});
  if (details.is_object())
    for (const Json::Member& member : details.as_object()) config[member.first] = member.second;
  return write_json_atomic(folder / kTokenizerConfigFile, config);
}

std::vector<fs::path> find_dependants(const std::vector<fs::path>& roots, const std::string& hash, const fs::path& own) {
  std::vector<fs::path> found;
  for (const fs::path& root : roots) {
    std::error_code code;
    fs::recursive_directory_iterator at(root, fs::directory_options::skip_permission_denied, code);
    for (const fs::recursive_directory_iterator end; !code && at != end; at.increment(code))
      if (at->path().extension() == ".json" && at->is_regular_file(code) && !lies_in(at->path(), own) &&
          names_hash(at->path(), hash))
        found.push_back(at->path().parent_path());
  }
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  return found;
}

}  // namespace lathe::tokenizer
