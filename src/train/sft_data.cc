#include "train/sft_data.h"

#include <algorithm>

#include "core/manifest.h"
#include "data/split_sets.h"
#include "tokenizer/frozen.h"

namespace lathe::train {
namespace {

constexpr const char* kRemedy = "make it: lathe corpus sft --config config/sft/datasets/alpaca_chatml.json --output-dir data/sft_processed/alpaca_chatml";

struct Shards {
  std::vector<fs::path> files;
  std::string sha256;  // of their contents
};

Shards shards_of(const fs::path& folder, const Manifest& manifest, const std::string& part) {
  std::vector<FileRecord> records;
  for (const FileRecord& output : manifest.outputs)
    if (output.path.starts_with(part + "_")) records.push_back(output);
  std::sort(records.begin(), records.end(), [](const FileRecord& a, const FileRecord& b) { return a.path < b.path; });
  Shards shards;
  for (const FileRecord& record : records) {
    shards.files.push_back(folder / record.path);
    shards.sha256 += record.sha256;
  }
  return shards;
}

}  // namespace

Result<SftData> SftData::open(const std::vector<std::string>& folders, const std::vector<double>& weights,
                              const tokenizer::Tokenizer& tokenizer, const std::string& tokenizer_path,
                              const SftDataOptions& options) {
  if (folders.empty()) return error_at("data_dirs", -1, "names no data set");
  std::vector<Manifest> manifests;
  std::vector<tokenizer::TokenizerUse> uses{{tokenizer_path, tokenizer.hash(), "in use", ""}};
  for (const std::string& folder : folders) {
    LATHE_TRY(Manifest manifest, read_manifest(folder, "sft", kRemedy));
    LATHE_TRY_STATUS(verify_outputs(folder, manifest, kRemedy));
    uses.push_back({folder, manifest.tokenizer_sha256, "lathe corpus sft, " + manifest.ended,
                    "lathe corpus sft --config CONFIG --tokenizer-dir " + tokenizer_path + " --output-dir " + folder + " --force"});
    manifests.push_back(std::move(manifest));
  }
  LATHE_TRY_STATUS(tokenizer::check_same(uses));

  SftData out;
  std::string table;
  bool differ = false;
  for (size_t i = 0; i < folders.size(); ++i) {
    const Manifest& manifest = manifests[i];
    const std::string name = manifest.details.get_string("template", "");
    LATHE_TRY(const tokenizer::ChatTemplate form, tokenizer::ChatTemplate::find(name));
    if (const int64_t version = manifest.details.get_int("template_version", 0); version != form.version())
      return error_at(folders[i], -1, "was checked with version ", version, " of template ", name, ", this program has ", form.version(), "; ", kRemedy);
    table += join_text("\n  ", folders[i], ": ", name);
    differ = differ || (i > 0 && name != out.sets_.front().form.name());
    Set set{folders[i], form, nullptr, nullptr};
    // The end of a text if there is no padding; its targets are ignored.
    const int32_t padding = tokenizer.find_special("<pad>").value_or(form.stop_ids(tokenizer).back());
    for (const bool train : {true, false}) {
      const std::string part = train ? "train" : "val";
      const Shards shards = shards_of(folders[i], manifest, part);
      if (shards.files.empty()) continue;
      const FormattedConversations::Request request{shards.files, shards.sha256, form, options.loss_on, options.cache};
      LATHE_TRY(const auto conversations, FormattedConversations::open(request, tokenizer));
      auto sequences = std::make_shared<const SftSequences>(folders[i], conversations, options.sequence_length, padding, options.seed);
      if (sequences->size() > 0) (train ? set.train : set.validation) = std::move(sequences);
    }
    if (set.train == nullptr)
      return error_at(folders[i], -1, "has no conversation that fits a row of ", options.sequence_length, " tokens");
    out.sets_.push_back(std::move(set));
  }
  if (differ && !options.mixed_templates)
    return error_at("data_dirs", -1, "the data sets have different templates; make them alike, or allow it with mixed_templates:", table);
  LATHE_TRY(out.shares_, data::mix_shares(out.sources(), weights));
  return out;
}

std::vector<data::MixedSource> SftData::sources() const {
  std::vector<data::MixedSource> out;
  for (const Set& set : sets_) out.push_back({set.path, set.train->size()});
  return out;
}

int64_t SftData::train_sequences() const {
  int64_t sum = 0;
  for (const Set& set : sets_) sum += set.train->size();
  return sum;
}

int64_t SftData::validation_sequences() const {
  int64_t sum = 0;
  for (const Set& set : sets_) sum += set.validation != nullptr ? set.validation->size() : 0;
  return sum;
}

bool SftData::has_validation() const {
  return std::any_of(sets_.begin(), sets_.end(), [](const Set& set) { return set.validation != nullptr; });
}

Result<std::unique_ptr<data::PackedLoader>> SftData::loader(data::Split split, data::PackedLoaderOptions options) const {
  options.documents = true;
  data::SplitSets part = data::split_sets(split, sets_, shares_);
  if (part.sets.empty())
    return error_at(sets_.front().path, -1, "no data set has conversations to validate on; prepare it with a train_ratio below 1");
  return data::packed_loader(std::move(part.sets), part.weights, options);
}

std::vector<std::string> SftData::describe() const {
  std::vector<std::string> lines;
  double tokens = 0, trained = 0;
  const auto per_row = [](const Set& set, int64_t count) { return static_cast<double>(count) / static_cast<double>(set.train->size()); };
  for (size_t i = 0; i < sets_.size(); ++i) {
    tokens += shares_[i] * per_row(sets_[i], sets_[i].train->packing().tokens);
    trained += shares_[i] * per_row(sets_[i], sets_[i].train->packing().trained_tokens);
  }
  lines.push_back("SFT data: weights are shares of packed sequences");
  for (size_t i = 0; i < sets_.size(); ++i) {
    const Set& set = sets_[i];
    const SftPacking& p = set.train->packing();
    lines.push_back(format_text("SFT data: %s (%s), %s conversations in %s sequences of %lld tokens, %.1f %% filled, %s left out; weight %.4f, "
                                "share of tokens %.4f, of trained tokens %.4f",
                                set.path.c_str(), set.form.name().c_str(), with_thousands(p.conversations).c_str(), with_thousands(set.train->size()).c_str(),
                                static_cast<long long>(sequence_length()), 100 * p.filled, with_thousands(p.left_out).c_str(), shares_[i],
                                shares_[i] * per_row(set, p.tokens) / std::max(tokens, 1e-9),
                                shares_[i] * per_row(set, p.trained_tokens) / std::max(trained, 1e-9)));
  }
  return lines;
}

std::vector<std::string> SftData::warnings(int64_t global_batch) const {
  return data::MixedSampler(sources(), shares_, 0).small_source_warnings(global_batch);
}

}  // namespace lathe::train
