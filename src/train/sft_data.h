// Fine-tuning data sets (folders of `lathe corpus sft`, docs/formats/sft.md) as what a run trains on: verified, formatted
// by their template once and cached, packed into rows of whole conversations that do not see each other, mixed by weight
// (rows L-7.15 to L-7.19, L-7.31, L-7.35, L-7.36; traps L3, L4). The unit of the mix is the packed sequence.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "data/corpus.h"
#include "data/packed_loader.h"
#include "tokenizer/chat_template.h"
#include "tokenizer/tokenizer.h"
#include "train/sft_sequences.h"

namespace lathe::train {

struct SftDataOptions {
  int64_t sequence_length = 1024;  // T of a row; longer conversations are left out and counted
  bool mixed_templates = false;    // folders of different templates are allowed (row L-7.36)
  tokenizer::LossOn loss_on = tokenizer::LossOn::kAssistant;
  fs::path cache;     // folder of formatted conversations; empty: nothing is kept
  uint64_t seed = 42;  // of the packing
};

class SftData {
 public:
  // Every folder is verified by its manifest. Errors: another tokenizer than `tokenizer` (tokenizer_path is for the
  // message), different templates, weights that do not fit, no conversation that fits a row.
  static Result<SftData> open(const std::vector<std::string>& folders, const std::vector<double>& weights,
                              const tokenizer::Tokenizer& tokenizer, const std::string& tokenizer_path,
                              const SftDataOptions& options);

  // Of the first folder: what generation and the adapter's record name.
  const tokenizer::ChatTemplate& chat_template() const { return sets_.front().form; }
  int64_t sequence_length() const { return sets_.front().train->sequence_length(); }
  int64_t train_sequences() const;
  int64_t validation_sequences() const;
  // Name and training sequences of each folder, and its share of the mix.
  std::vector<data::MixedSource> sources() const;
  const std::vector<double>& shares() const { return shares_; }
  bool has_validation() const;

  // Batches with documents filled and only the assistant's tokens as targets; state and resume as of packed data. An error
  // where no folder has such a part.
  Result<std::unique_ptr<data::PackedLoader>> loader(data::Split split, data::PackedLoaderOptions options) const;

  // For the start of a run: folders with conversations, sequences, tokens, share of the rows that is not padding; the unit
  // of the weights and the shares of all and of the trained tokens that follow from them (row L-7.31).
  std::vector<std::string> describe() const;
  std::vector<std::string> warnings(int64_t global_batch) const;

 private:
  struct Set {
    std::string path;
    tokenizer::ChatTemplate form;
    std::shared_ptr<const SftSequences> train, validation;  // validation may be null
  };
  std::vector<Set> sets_;
  std::vector<double> shares_;
};

}  // namespace lathe::train
