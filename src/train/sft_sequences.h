// Formatted conversations packed into rows: best fit, whole conversations alone, the rest of a row padded. The targets of
// a row are those of the mask; the first token of a conversation is never one, so nothing is predicted across a border
// (trap L3).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "data/sequence_set.h"
#include "train/sft_cache.h"

namespace lathe::train {

struct SftPacking {
  int64_t conversations = 0;   // placed
  int64_t left_out = 0;        // longer than a row
  int64_t tokens = 0;          // of those placed
  int64_t trained_tokens = 0;
  double filled = 0;           // share of the rows that is not padding
};

// Immutable, for any number of threads.
class SftSequences : public data::SequenceSet {
 public:
  // A row has sequence_length + 1 tokens. Conversations are taken in an order of (seed, name) and placed best fit among
  // the next 256.
  SftSequences(std::string name, std::shared_ptr<const FormattedConversations> conversations, int64_t sequence_length,
               int32_t padding_id, uint64_t seed);

  const std::string& name() const override { return name_; }
  int64_t size() const override { return static_cast<int64_t>(rows_.size()); }
  int64_t sequence_length() const override { return sequence_length_; }
  void read(int64_t index, std::span<int32_t> ids) const override;
  void document_starts(int64_t index, std::vector<int32_t>& positions) const override;
  bool trained(int64_t index, std::span<uint8_t> targets) const override;
  const SftPacking& packing() const { return packing_; }

 private:
  std::string name_;
  std::shared_ptr<const FormattedConversations> conversations_;
  int64_t sequence_length_;
  int32_t padding_id_;
  std::vector<std::vector<int64_t>> rows_;  // the conversations of each
  SftPacking packing_;
};

}  // namespace lathe::train
