// Packed data sets as what a run trains on: opened, checked against the tokenizer and the model's context, mixed by weight
// (rows L-1.35, L-1.38, L-5.22 to L-5.30).
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
  // Every folder is verified by its manifest. Errors: two tokenizers among them or another than `tokenizer`
  // (tokenizer_path is for the message), another vocabulary size, two sequence lengths, weights that do not fit.
  static Result<PackedData> open(const std::vector<std::string>& folders, const std::vector<double>& weights, const tokenizer::Tokenizer& tokenizer,
                                 const std::string& tokenizer_path);

  int64_t sequence_length() const { return folders_.front().sequence_length(); }
  // Longer than the context is an error that names both, shorter a warning in the log.
  Status check_context(int64_t max_seq_len) const;
  // All sets that have such a part, in their mix; an error where none has.
  Result<std::unique_ptr<data::PackedLoader>> loader(data::Split split, const data::PackedLoaderOptions& options) const;
  // The mix and what is odd about it, for the start of a run; global_batch in sequences.
  std::vector<std::string> describe() const;
  std::vector<std::string> warnings(int64_t global_batch) const;

 private:
  std::vector<data::MixedSource> sources() const;
  std::vector<data::PackedFolder> folders_;
  std::vector<double> shares_;
};

}  // namespace lathe::train
