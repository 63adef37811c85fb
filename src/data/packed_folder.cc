#include "data/packed_folder.h"

#include <algorithm>
#include <map>

#include "core/check.h"
#include "data/block_sums.h"
#include "tokenizer/frozen.h"

namespace lathe::data {
namespace {

constexpr const char* kRemedy = "pack the data again (lathe pack --force)";
constexpr const char* kFolderRemedy = "give a folder that lathe pack wrote";

// Both names and both keys may stand; what stands must say the same (row L-4.14, contradiction C6).
Result<Manifest> read_packed_manifest(const fs::path& folder) {
  std::error_code code;
  const fs::path first = folder / kManifestFile, second = folder / kFinalManifestFile;
  const bool has_first = fs::exists(first, code), has_second = fs::exists(second, code);
  if (has_first && has_second) {
    LATHE_TRY(const std::string a, read_file(first));
    LATHE_TRY(const std::string b, read_file(second));
    if (a != b) {
      const auto differs =
          std::mismatch(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(std::min(a.size(), b.size())), b.begin())
              .first;
      return error_at(second.string(), differs - a.begin(), "differs from ", kManifestFile,
                      ", of which it must be a copy; ", kRemedy);
    }
  }
  return read_manifest(has_first || !has_second ? first : second, kPackedKind, kFolderRemedy);
}

Result<std::string> tokenizer_hash_of(const Manifest& manifest, const std::string& path) {
  const std::string config_hash = manifest.details.get_string("tokenizer_config_hash", "");
  const std::string& sha256 = manifest.tokenizer_sha256;
  if (!config_hash.empty() && !sha256.empty() && config_hash != sha256)
    return error_at(path, -1,
                    "its keys \"tokenizer_config_hash\" and \"tokenizer_sha256\" name two tokenizers: ", config_hash,
                    " and ", sha256, "; ", kRemedy);
  const std::string& hash = config_hash.empty() ? sha256 : config_hash;
  if (hash.empty())
    return error_at(path, -1, "names no tokenizer (no \"tokenizer_config_hash\", no \"tokenizer_sha256\"); ", kRemedy);
  LATHE_TRY_STATUS([&]() -> Status {
    if (const auto parsed = parse_tokenizer_hash(hash); !parsed.ok()) return error_at(path, -1, parsed.error().message);
    return {};
  }());
  return hash;
}

Status verify(const fs::path& folder, const Manifest& manifest) {
  const Status status = verify_outputs(folder, manifest, kRemedy);
  if (status.ok()) return {};
  Error error = status.error();
  for (const FileRecord& record : manifest.outputs) {
    if ((folder / record.path).string() != error.path) continue;
    std::error_code code;
    const auto bytes = fs::file_size(error.path, code);
    if (code) break;
    if (static_cast<int64_t>(bytes) != record.bytes) {
      error.offset = std::min(static_cast<int64_t>(bytes), record.bytes);
      break;
    }
    const Json* blocks = manifest.details.find("blocks");
    const Json* sums = blocks != nullptr ? blocks->find(record.path) : nullptr;
    if (sums == nullptr) break;
    if (const int64_t changed = first_changed_block(error.path, *sums); changed >= 0) error.offset = changed;
  }
  return error;
}

}  // namespace

bool is_packed_folder(const fs::path& folder) {
  std::error_code code;
  for (const char* name : {kManifestFile, kFinalManifestFile}) {
    if (!fs::exists(folder / name, code)) continue;
    const Result<Json> json = read_json(folder / name);
    if (json.ok() && json.value().get_string("kind", "") == kPackedKind) return true;
  }
  return false;
}

const PackedFile& PackedSet::shard_of(int64_t index, int64_t& within) const {
  require(index >= 0 && index < sequences_, "[packed_set] sequence ", index, " of ", sequences_);
  const auto shard = static_cast<size_t>(std::upper_bound(first_.begin(), first_.end(), index) - first_.begin() - 1);
  within = index - first_[shard];
  return shards_[shard];
}

void PackedSet::read(int64_t index, std::span<int32_t> ids) const {
  require(static_cast<int64_t>(ids.size()) == sequence_length_ + 1, "[packed_set] room for ", ids.size(), " ids of ",
          sequence_length_ + 1);
  int64_t within = 0;
  shard_of(index, within).read(within * sequence_length_, ids);
}

void PackedSet::document_starts(int64_t index, std::vector<int32_t>& positions) const {
  int64_t within = 0;
  const std::span<const uint64_t> starts = shard_of(index, within).document_starts();
  const auto begin = static_cast<uint64_t>(within * sequence_length_),
             end = begin + static_cast<uint64_t>(sequence_length_);
  for (auto it = std::lower_bound(starts.begin(), starts.end(), begin); it != starts.end() && *it < end; ++it)
    positions.push_back(static_cast<int32_t>(*it - begin));
}

Result<PackedFolder> PackedFolder::open(const fs::path& path) {
  PackedFolder folder;
  folder.path_ = path;
  const std::string manifest_path = (path / kManifestFile).string();
  LATHE_TRY(folder.manifest_, read_packed_manifest(path));
  const Json& details = folder.manifest_.details;
  LATHE_TRY(folder.tokenizer_hash_, tokenizer_hash_of(folder.manifest_, manifest_path));
  for (const auto& [key, field] : std::map<std::string, int64_t*>{{"vocab_size", &folder.vocab_size_},
                                                                  {"sequence_length", &folder.sequence_length_}}) {
    const Json* value = details.find(key);
    if (value == nullptr || !value->is_int() || value->as_int() < 1)
      return error_at(manifest_path, -1, "has no usable \"", key, "\"; ", kRemedy);
    *field = value->as_int();
  }
  folder.mask_across_documents_ = details.get_bool("mask_across_documents", false);
  LATHE_TRY_STATUS(verify(path, folder.manifest_));
  LATHE_TRY_STATUS(folder.open_split(Split::kTrain));
  LATHE_TRY_STATUS(folder.open_split(Split::kValidation));
  return folder;
}

Status PackedFolder::open_split(Split split) {
  const std::string name = split == Split::kTrain ? "train" : "val", manifest_path = (path_ / kManifestFile).string();
  const Json* splits = manifest_.details.find("splits");
  const Json* entry = splits != nullptr ? splits->find(name) : nullptr;
  const Json* files = entry != nullptr ? entry->find("files") : nullptr;
  if (files == nullptr || !files->is_array())
    return error_at(manifest_path, -1, "has no list \"splits.", name, ".files\"; ", kRemedy);
  auto set = std::make_shared<PackedSet>();
  set->name_ = path_.string();
  set->sequence_length_ = sequence_length_;
  for (const Json& file : files->as_array()) {
    if (!file.is_string() || !file.as_string().ends_with(".bin")) continue;
    const bool verified = std::any_of(manifest_.outputs.begin(), manifest_.outputs.end(),
                                      [&](const FileRecord& r) { return r.path == file.as_string(); });
    if (!verified)
      return error_at(manifest_path, -1, "lists the shard ", file.as_string(), " but no hash of it; ", kRemedy);
    LATHE_TRY(PackedFile shard, PackedFile::open(path_ / file.as_string()));
    const PackedHeader& header = shard.header();
    const std::string idx = fs::path(shard.path()).replace_extension(".idx").string();
    if (to_hex(header.tokenizer) != tokenizer_hash_)
      return error_at(idx, 32, "was packed with another tokenizer: ", to_hex(header.tokenizer), ", the manifest says ",
                      tokenizer_hash_, "; ", kRemedy);
    if (header.sequence_length != sequence_length_)
      return error_at(idx, 12, "has sequences of ", header.sequence_length, " tokens, the manifest says ",
                      sequence_length_, "; ", kRemedy);
    if (header.token_bytes == 2 && vocab_size_ > kLargestVocabularyOfTwoBytes)
      return error_at(idx, 8, "has tokens of 2 bytes for a vocabulary of ", vocab_size_, "; ", kRemedy);
    set->first_.push_back(set->sequences_);
    set->sequences_ += header.sequences;
    set->shards_.push_back(std::move(shard));
  }
  if (const int64_t wanted = entry->get_int("sequences", -1); wanted != set->sequences_)
    return error_at(manifest_path, -1, "says that ", name, " has ", wanted, " sequences, its shards have ",
                    set->sequences_, "; ", kRemedy);
  set->padding_ = entry->get_int("padding_tokens", 0);
  if (set->padding_ < 0 || set->padding_ > sequence_length_)
    return error_at(manifest_path, -1, "has a padding of ", set->padding_, " tokens; ", kRemedy);
  if (set->sequences_ > 0) (split == Split::kTrain ? train_ : validation_) = std::move(set);
  return {};
}

Status check_same_tokenizer(const std::vector<PackedFolder>& folders, const std::string& tokenizer_hash,
                            const std::string& tokenizer_path) {
  std::vector<tokenizer::TokenizerUse> uses;
  if (!tokenizer_hash.empty()) uses.push_back({tokenizer_path, tokenizer_hash, "the tokenizer in use", ""});
  for (const PackedFolder& folder : folders) {
    tokenizer::TokenizerUse use{folder.path().string(), folder.tokenizer_hash(), "packed " + folder.manifest().ended, ""};
    use.repack = "lathe pack --corpus-dir CORPUS --tokenizer-dir " + (tokenizer_path.empty() ? "TOKENIZER" : tokenizer_path) +
                 " --output-dir " + use.path + " --force";
    uses.push_back(std::move(use));
  }
  return tokenizer::check_same(uses);
}

}  // namespace lathe::data
