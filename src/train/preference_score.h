// Log-probabilities of the answers of preference pairs under a model: sums over the answer's tokens, stop token
// included, the prompt masked (row L-9.7). Sums are rounded to float32, so that one that was written to a file is the
// same number.
#pragma once

#include <span>
#include <vector>

#include "data/preference_pair.h"
#include "model/transformer.h"

namespace lathe::train {

struct AnswerSums {
  float chosen = 0, rejected = 0;
};

// 2P rows of the same length, the chosen answers of P pairs, then the rejected ones, padded on the right to the
// longest: what stands behind a row's end changes nothing before it.
class PairBatch {
 public:
  explicit PairBatch(std::span<const data::EncodedPair* const> pairs);
  int64_t rows() const { return rows_; }
  int64_t columns() const { return columns_; }
  int64_t tokens() const { return rows_ * columns_; }
  int64_t answer_tokens() const { return answer_tokens_; }
  int64_t padding() const { return padding_; }
  model::Batch batch();
  Tensor targets() { return Tensor::borrow(targets_.data(), {tokens()}, DType::kInt32); }
  // Of the losses of all targets (tokens()) that Transformer::loss gave.
  std::vector<AnswerSums> sums(const Tensor& nll) const;
  // The factor of each target from the derivative of the loss by the sums of each pair: -dLoss/dlogp.
  Tensor factors(std::span<const double> by_chosen, std::span<const double> by_rejected);

 private:
  int64_t rows_, columns_ = 0, answer_tokens_ = 0, padding_ = 0;
  std::vector<int32_t> ids_, targets_;
  std::vector<float> factors_;
};

// Under the model as it is now, without dropout; `rows` at a time, those of similar length together.
std::vector<AnswerSums> score_pairs(model::Transformer& model, ops::Context& ctx,
                                    std::span<const data::EncodedPair> pairs, int64_t rows);

// Indices 0 .. n - 1 by rising longest().
std::vector<int64_t> by_length(std::span<const data::EncodedPair* const> pairs);

}  // namespace lathe::train
