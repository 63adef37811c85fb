// Packed data sets as what a run trains on: opened, checked against the tokenizer and the model's context, mixed by
// weight (rows L-1.35, L-1.38, L-5.22 to L-5.30).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "data/packed_folder.h"
#include "data/packed_loader.h"
#include "tokenizer/tokenizer.h"

namespace lathe::train {

class PackedData {
 public:
  // Each path is a folder of lathe pack, verified by its manifest, or a token file (.bin) of another program
  // (data/foreign_tokens.h): train.bin, with the val.bin beside it to validate on, if there is one. Such a file is cut
  // into the sequences of the folders, else into `max_seq_len` tokens. Errors: two tokenizers among the folders or
  // another than `tokenizer` (tokenizer_path is for the message), another vocabulary size, two sequence lengths,
  // weights that do not fit.
  static Result<PackedData> open(const std::vector<std::string>& paths, const std::vector<double>& weights,
                                 const tokenizer::Tokenizer& tokenizer, const std::string& tokenizer_path,
                                 int64_t max_seq_len);

  int64_t sequence_length() const { return sets_.front().train->sequence_length(); }
  // Longer than the context is an error that names both, shorter a warning in the log.
  Status check_context(int64_t max_seq_len) const;
  // Whether the folders were packed with mask_across_documents: then all batches have their documents filled, and the
  // model keeps them apart (row L-4.8). Folders of both kinds are an error of open().
  bool mask_across_documents() const { return mask_across_documents_; }
  // All sets that have such a part, in their mix; an error where none has.
  Result<std::unique_ptr<data::PackedLoader>> loader(data::Split split, const data::PackedLoaderOptions& options) const;
  // The mix and what is odd about it, for the start of a run; global_batch in sequences.
  std::vector<std::string> describe() const;
  std::vector<std::string> warnings(int64_t global_batch) const;
  // Name and training sequences of each path, and its share of the mix.
  std::vector<data::MixedSource> sources() const;
  const std::vector<double>& shares() const { return shares_; }
  // Sequences to validate on, of all sets.
  int64_t validation_sequences() const;

 private:
  struct Set {
    std::shared_ptr<const data::SequenceSet> train, validation;  // validation may be null
  };
  static Result<Set> open_file(const fs::path& path, int64_t sequence_length, int64_t vocab_size);
  std::vector<Set> sets_;
  std::vector<double> shares_;
  bool mask_across_documents_ = false;
};

// Whether --data names packed tokens: a folder of lathe pack, or a .bin file.
bool is_packed_data(const fs::path& path);

}  // namespace lathe::train
