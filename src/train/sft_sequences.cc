#include "train/sft_sequences.h"

#include <algorithm>

#include "core/check.h"
#include "core/permutation.h"
#include "data/best_fit_buffer.h"

namespace lathe::train {
namespace {

constexpr int64_t kBuffered = 256;

}  // namespace

SftSequences::SftSequences(std::string name, std::shared_ptr<const FormattedConversations> conversations,
                           int64_t sequence_length, int32_t padding_id, uint64_t seed)
    : name_(std::move(name)), conversations_(std::move(conversations)), sequence_length_(sequence_length), padding_id_(padding_id) {
  require(sequence_length_ > 0, "[sft_sequences] rows of ", sequence_length_, " tokens");
  const FormattedConversations& all = *conversations_;
  const Permutation order(all.size(), seed, "sft packing " + name_);
  data::BestFitBuffer<int64_t> buffer;
  int64_t next = 0;
  const auto refill = [&] {
    for (; next < all.size() && buffer.size() < kBuffered; ++next) {
      const int64_t index = order(next), length = all.length(index);
      if (length > sequence_length_ + 1)
        ++packing_.left_out;
      else if (length > 0)
        buffer.add(length, index);
    }
  };
  for (refill(); buffer.size() > 0; refill()) {
    std::vector<int64_t>& row = rows_.emplace_back();
    int64_t space = sequence_length_ + 1, index = 0;
    while (buffer.take_longest(space, index)) {
      row.push_back(index);
      space -= all.length(index);
      ++packing_.conversations;
      packing_.tokens += all.length(index);
      for (int64_t t = 1; t < all.length(index); ++t) packing_.trained_tokens += all.trained(index, t);
    }
  }
  if (!rows_.empty())
    packing_.filled = static_cast<double>(packing_.tokens) / static_cast<double>(size() * (sequence_length_ + 1));
}

void SftSequences::read(int64_t index, std::span<int32_t> ids) const {
  size_t at = 0;
  for (const int64_t conversation : rows_[static_cast<size_t>(index)])
    for (int64_t t = 0; t < conversations_->length(conversation); ++t) ids[at++] = conversations_->id(conversation, t);
  std::fill(ids.begin() + static_cast<std::ptrdiff_t>(at), ids.end(), padding_id_);
}

void SftSequences::document_starts(int64_t index, std::vector<int32_t>& positions) const {
  int64_t at = 0;
  for (const int64_t conversation : rows_[static_cast<size_t>(index)]) {
    positions.push_back(static_cast<int32_t>(at));
    at += conversations_->length(conversation);
    if (at >= sequence_length_) return;
  }
  positions.push_back(static_cast<int32_t>(at));  // the padding
}

bool SftSequences::trained(int64_t index, std::span<uint8_t> targets) const {
  std::fill(targets.begin(), targets.end(), uint8_t{0});
  size_t at = 0;  // of the conversation's first token in the row; target i is token i + 1
  for (const int64_t conversation : rows_[static_cast<size_t>(index)]) {
    const int64_t length = conversations_->length(conversation);
    for (int64_t t = 1; t < length; ++t) targets[at + static_cast<size_t>(t) - 1] = conversations_->trained(conversation, t);
    at += static_cast<size_t>(length);
  }
  return true;
}

}  // namespace lathe::train
