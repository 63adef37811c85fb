#include "train/preference_data.h"

#include <algorithm>

#include "core/manifest.h"
#include "core/parallel.h"
#include "core/sha256.h"
#include "tokenizer/frozen.h"

namespace lathe::train {
namespace {

using data::EncodedPair;

constexpr const char* kKind = "dpo_corpus";
constexpr const char* kRemedy = "make it anew: lathe corpus dpo";

// The shards are those that the manifest vouches for: one that was put beside them, or is gone from its list, is an error.
Status verify(const fs::path& folder, const std::vector<fs::path>& shards, const tokenizer::Tokenizer& tokenizer,
              const tokenizer::ChatTemplate& chat_template) {
  LATHE_TRY(const Manifest manifest, read_manifest(folder, kKind, kRemedy));
  const std::string who = "lathe, " + manifest.ended;
  LATHE_TRY_STATUS(tokenizer::check_same({{"the model's tokenizer", tokenizer.hash(), "", ""},
                                          {folder.string(), manifest.tokenizer_sha256, who, kRemedy}}));
  LATHE_TRY_STATUS(verify_outputs(folder, manifest, kRemedy));
  for (const fs::path& shard : shards) {
    const auto is_shard = [&](const FileRecord& output) { return output.path == shard.filename(); };
    if (std::none_of(manifest.outputs.begin(), manifest.outputs.end(), is_shard))
      return error_at(shard.string(), -1, "is not among the outputs of the folder's manifest; ", kRemedy);
  }
  if (const std::string name = manifest.details.get_string("template", ""); name != chat_template.name())
    return error_at(folder.string(), -1, "was prepared with the template ", name, ", this run uses ",
                    chat_template.name());
  if (const int64_t version = manifest.details.get_int("template_version", 0); version != chat_template.version())
    return error_at(folder.string(), -1, "was prepared with version ", version, " of the template ",
                    chat_template.name(), ", this is version ", chat_template.version());
  return {};
}

std::string hash_of(const std::vector<EncodedPair>& pairs) {
  Sha256 sum;
  const auto add = [&](const std::vector<int32_t>& ids) {
    const auto size = static_cast<uint64_t>(ids.size());
    sum.update(&size, sizeof size);
    sum.update(ids.data(), ids.size() * sizeof(int32_t));
  };
  for (const EncodedPair& pair : pairs) add(pair.prompt), add(pair.chosen), add(pair.rejected);
  return sum.hex_digest();
}

}  // namespace

int64_t PreferenceSet::longest() const {
  int64_t most = 0;
  for (const EncodedPair& pair : pairs) most = std::max(most, pair.longest());
  return most;
}

int64_t PreferenceSet::tokens() const {
  int64_t sum = 0;
  for (const EncodedPair& pair : pairs)
    sum += 2 * std::ssize(pair.prompt) + std::ssize(pair.chosen) + std::ssize(pair.rejected);
  return sum;
}

Result<std::string> preference_template(const fs::path& folder) {
  std::error_code code;
  if (!fs::is_directory(folder, code)) return std::string();
  LATHE_TRY(const Manifest manifest, read_manifest(folder, kKind, kRemedy));
  return manifest.details.get_string("template", "");
}

Result<PreferenceSet> load_preference_set(const fs::path& path, data::PreferenceSplit split,
                                          const tokenizer::Tokenizer& tokenizer,
                                          const tokenizer::ChatTemplate& chat_template,
                                          const data::PairLimits& limits) {
  LATHE_TRY_STATUS(chat_template.check(tokenizer));
  std::error_code code;
  std::vector<fs::path> files = {path};
  if (fs::is_directory(path, code)) {
    LATHE_TRY(files, data::preference_shards(path, split));
    LATHE_TRY_STATUS(verify(path, files, tokenizer, chat_template));
  }
  PreferenceSet set;
  set.name = path.stem().string().empty() ? path.parent_path().filename().string() : path.stem().string();
  const int32_t bos = tokenizer.find_bos().value_or(-1);
  for (const fs::path& file : files) {
    LATHE_TRY(const std::vector<data::PreferencePair> texts, data::read_preference_pairs(file));
    std::vector<EncodedPair> encoded(texts.size());
    std::vector<data::Fit> fits(texts.size());
    std::vector<std::string> errors(texts.size());
    parallel_for(std::ssize(texts), 16, [&](int64_t begin, int64_t end) {
      for (int64_t n = begin; n < end; ++n) {
        const auto i = static_cast<size_t>(n);
        Result<EncodedPair> pair = data::encode_pair(tokenizer, chat_template, texts[i]);
        if (!pair.ok()) {
          errors[i] = pair.error().message;
          continue;
        }
        encoded[i] = std::move(pair).value();
        fits[i] = data::fit_pair(encoded[i], limits, bos);
      }
    });
    for (size_t i = 0; i < texts.size(); ++i) {
      if (!errors[i].empty()) return error_at(file.string(), -1, "pair ", i + 1, ": ", errors[i]);
      set.prompts_cut += fits[i] == data::Fit::kPromptCut ? 1 : 0;
      set.dropped += fits[i] == data::Fit::kTooLong ? 1 : 0;
      if (fits[i] != data::Fit::kTooLong) set.pairs.push_back(std::move(encoded[i]));
    }
  }
  set.sha256 = hash_of(set.pairs);
  return set;
}

}  // namespace lathe::train
