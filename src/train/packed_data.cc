#include "train/packed_data.h"

#include "core/log.h"
#include "data/foreign_tokens.h"
#include "data/split_sets.h"

namespace lathe::train {

bool is_packed_data(const fs::path& path) {
  std::error_code code;
  return path.extension() == ".bin" ? fs::is_regular_file(path, code) : data::is_packed_folder(path);
}

Result<PackedData::Set> PackedData::open_file(const fs::path& path, int64_t sequence_length, int64_t vocab_size) {
  Set set;
  LATHE_TRY(set.train, data::open_foreign_tokens(path, sequence_length, vocab_size));
  log_warning("train", path.string(), " does not say which tokenizer it was made with; it must be the one in use");
  std::string name = path.filename().string();
  const size_t at = name.find("train");
  if (at == std::string::npos) return set;
  const fs::path validation = path.parent_path() / name.replace(at, 5, "val");
  std::error_code code;
  if (!fs::exists(validation, code)) return set;
  LATHE_TRY(set.validation, data::open_foreign_tokens(validation, sequence_length, vocab_size));
  return set;
}

Result<PackedData> PackedData::open(const std::vector<std::string>& paths, const std::vector<double>& weights,
                                    const tokenizer::Tokenizer& tokenizer, const std::string& tokenizer_path,
                                    int64_t max_seq_len) {
  if (paths.empty()) return error_at("data_dirs", -1, "names no data set");
  std::vector<data::PackedFolder> folders;
  for (const std::string& path : paths) {
    if (fs::path(path).extension() == ".bin") continue;
    LATHE_TRY(data::PackedFolder folder, data::PackedFolder::open(path));
    if (folder.split(data::Split::kTrain) == nullptr) return error_at(path, -1, "has no sequence to train on");
    folders.push_back(std::move(folder));
  }
  LATHE_TRY_STATUS(data::check_same_tokenizer(folders, tokenizer.hash(), tokenizer_path));
  const int64_t length = folders.empty() ? max_seq_len : folders.front().sequence_length();
  PackedData packed;
  auto folder = folders.begin();
  for (const std::string& path : paths) {
    if (fs::path(path).extension() == ".bin") {
      LATHE_TRY(Set set, open_file(path, length, tokenizer.vocab_size()));
      packed.sets_.push_back(std::move(set));
      continue;
    }
    if (folder->vocab_size() != tokenizer.vocab_size())
      return error_at(path, -1, "was packed for a vocabulary of ", folder->vocab_size(), ", the tokenizer has ",
                      tokenizer.vocab_size());
    if (folder->sequence_length() != length)
      return error_at(path, -1, "has sequences of ", folder->sequence_length(), " tokens, ",
                      folders.front().path().string(), " of ", length,
                      "; pack one of them again (lathe pack --sequence-length)");
    if (folder->mask_across_documents() != folders.front().mask_across_documents())
      return error_at(path, -1, "was packed ", folder->mask_across_documents() ? "with" : "without",
                      " --mask-across-documents, ", folders.front().path().string(), " the other way; pack one of them again");
    packed.mask_across_documents_ = folder->mask_across_documents();
    packed.sets_.push_back({folder->split(data::Split::kTrain), folder->split(data::Split::kValidation)});
    ++folder;
  }
  LATHE_TRY(packed.shares_, data::mix_shares(packed.sources(), weights));
  return packed;
}

std::vector<data::MixedSource> PackedData::sources() const {
  std::vector<data::MixedSource> out;
  for (const Set& set : sets_) out.push_back({set.train->name(), set.train->size()});
  return out;
}

Status PackedData::check_context(int64_t max_seq_len) const {
  if (sequence_length() > max_seq_len)
    return error_at("max_seq_len", -1, "the data has sequences of ", sequence_length(),
                    " tokens, the model's context is ", max_seq_len,
                    "; raise --max-seq-len, or pack the data again (lathe pack --sequence-length ", max_seq_len, ")");
  if (sequence_length() < max_seq_len)
    log_warning("train", "the data has sequences of ", sequence_length(), " tokens, the model's context is ",
                max_seq_len, ": it is not trained beyond that");
  return {};
}

Result<std::unique_ptr<data::PackedLoader>> PackedData::loader(data::Split split,
                                                               const data::PackedLoaderOptions& options) const {
  data::SplitSets part = data::split_sets(split, sets_, shares_);
  if (part.sets.empty())
    return error_at(
        sets_.front().train->name(), -1,
        "no data set has sequences to validate on; pack with --train-val-split below 1, or --eval-every -1");
  data::PackedLoaderOptions with_documents = options;
  with_documents.documents = options.documents || mask_across_documents_;
  return data::packed_loader(std::move(part.sets), part.weights, with_documents);
}

int64_t PackedData::validation_sequences() const {
  int64_t sequences = 0;
  for (const Set& set : sets_) sequences += set.validation != nullptr ? set.validation->size() : 0;
  return sequences;
}

std::vector<std::string> PackedData::describe() const {
  std::vector<std::string> lines;
  for (size_t i = 0; i < sets_.size(); ++i) {
    const data::SequenceSet& set = *sets_[i].train;
    lines.push_back(format_text("Data: %s, %s sequences of %lld tokens, weight %.4f", set.name().c_str(),
                                with_thousands(set.size()).c_str(), static_cast<long long>(sequence_length()),
                                shares_[i]));
  }
  if (mask_across_documents_) lines.push_back("Data: attention and positions stay inside documents (mask_across_documents)");
  return lines;
}

std::vector<std::string> PackedData::warnings(int64_t global_batch) const {
  return data::MixedSampler(sources(), shares_, 0).small_source_warnings(global_batch);
}

}  // namespace lathe::train
