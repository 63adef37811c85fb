#include "train/packed_data.h"

#include "core/log.h"

namespace lathe::train {

Result<PackedData> PackedData::open(const std::vector<std::string>& folders, const std::vector<double>& weights, const tokenizer::Tokenizer& tokenizer,
                                    const std::string& tokenizer_path) {
  PackedData packed;
  if (folders.empty()) return error_at("data_dirs", -1, "names no data set");
  for (const std::string& path : folders) {
    LATHE_TRY(data::PackedFolder folder, data::PackedFolder::open(path));
    if (folder.split(data::Split::kTrain) == nullptr) return error_at(path, -1, "has no sequence to train on");
    packed.folders_.push_back(std::move(folder));
  }
  LATHE_TRY_STATUS(data::check_same_tokenizer(packed.folders_, tokenizer.hash(), tokenizer_path));
  for (const data::PackedFolder& folder : packed.folders_) {
    if (folder.vocab_size() != tokenizer.vocab_size())
      return error_at(folder.path().string(), -1, "was packed for a vocabulary of ", folder.vocab_size(), ", the tokenizer has ", tokenizer.vocab_size());
    if (folder.sequence_length() != packed.sequence_length())
      return error_at(folder.path().string(), -1, "has sequences of ", folder.sequence_length(), " tokens, ", packed.folders_.front().path().string(), " of ",
                      packed.sequence_length(), "; pack one of them again (lathe pack --sequence-length)");
  }
  LATHE_TRY(packed.shares_, data::mix_shares(packed.sources(), weights));
  return packed;
}

std::vector<data::MixedSource> PackedData::sources() const {
  std::vector<data::MixedSource> out;
  for (const data::PackedFolder& folder : folders_) out.push_back({folder.path().string(), folder.split(data::Split::kTrain)->size()});
  return out;
}

Status PackedData::check_context(int64_t max_seq_len) const {
  if (sequence_length() > max_seq_len)
    return error_at("max_seq_len", -1, "the data has sequences of ", sequence_length(), " tokens, the model's context is ", max_seq_len,
                    "; raise --max-seq-len, or pack the data again (lathe pack --sequence-length ", max_seq_len, ")");
  if (sequence_length() < max_seq_len)
    log_warning("train", "the data has sequences of ", sequence_length(), " tokens, the model's context is ", max_seq_len, ": it is not trained beyond that");
  return {};
}

Result<std::unique_ptr<data::PackedLoader>> PackedData::loader(data::Split split, const data::PackedLoaderOptions& options) const {
  std::vector<std::shared_ptr<const data::SequenceSet>> sets;
  std::vector<double> weights;
  for (size_t i = 0; i < folders_.size(); ++i) {
    const auto set = folders_[i].split(split);
    if (set == nullptr) continue;
    sets.push_back(set);
    weights.push_back(shares_[i]);
  }
  if (sets.empty())
    return error_at(folders_.front().path().string(), -1, "no data set has sequences to validate on; pack with --train-val-split below 1, or --eval-every -1");
  return data::packed_loader(std::move(sets), weights, options);
}

std::vector<std::string> PackedData::describe() const {
  std::vector<std::string> lines;
  for (size_t i = 0; i < folders_.size(); ++i) {
    const int64_t sequences = folders_[i].split(data::Split::kTrain)->size();
    lines.push_back(format_text("Data: %s, %s sequences of %lld tokens, weight %.4f", folders_[i].path().c_str(), with_thousands(sequences).c_str(),
                                static_cast<long long>(sequence_length()), shares_[i]));
  }
  return lines;
}

std::vector<std::string> PackedData::warnings(int64_t global_batch) const {
  return data::MixedSampler(sources(), shares_, 0).small_source_warnings(global_batch);
}

}  // namespace lathe::train
