#include "train/preference_score.h"

#include <algorithm>
#include <numeric>

#include "core/check.h"

namespace lathe::train {

using data::EncodedPair;

PairBatch::PairBatch(std::span<const EncodedPair* const> pairs) : rows_(2 * std::ssize(pairs)) {
  for (const EncodedPair* pair : pairs) {
    require(!pair->prompt.empty() && !pair->chosen.empty() && !pair->rejected.empty(),
            "[PairBatch] a pair without prompt or answer");
    columns_ = std::max(columns_, pair->longest() - 1);
  }
  ids_.assign(static_cast<size_t>(tokens()), 0);
  targets_.assign(static_cast<size_t>(tokens()), -1);
  factors_.assign(static_cast<size_t>(tokens()), 0);
  const int64_t half = rows_ / 2;
  for (int64_t r = 0; r < rows_; ++r) {
    const EncodedPair& pair = *pairs[static_cast<size_t>(r % half)];
    const std::vector<int32_t>& answer = r < half ? pair.chosen : pair.rejected;
    int32_t* ids = ids_.data() + r * columns_;
    int32_t* targets = targets_.data() + r * columns_;
    std::copy(pair.prompt.begin(), pair.prompt.end(), ids);
    std::copy(answer.begin(), answer.end() - 1, ids + pair.prompt.size());
    std::copy(answer.begin(), answer.end(), targets + pair.prompt.size() - 1);
    answer_tokens_ += std::ssize(answer);
    padding_ += columns_ - (std::ssize(pair.prompt) + std::ssize(answer) - 1);
  }
}

model::Batch PairBatch::batch() {
  model::Batch batch;
  batch.ids = Tensor::borrow(ids_.data(), {tokens()}, DType::kInt32);
  batch.batch = rows_;
  return batch;
}

std::vector<AnswerSums> PairBatch::sums(const Tensor& nll) const {
  const std::span<const float> losses = nll.span<float>();
  const int64_t half = rows_ / 2;
  std::vector<AnswerSums> out(static_cast<size_t>(half));
  for (int64_t r = 0; r < rows_; ++r) {
    double sum = 0;
    for (int64_t t = r * columns_; t < (r + 1) * columns_; ++t)
      if (targets_[static_cast<size_t>(t)] >= 0) sum -= static_cast<double>(losses[static_cast<size_t>(t)]);
    AnswerSums& pair = out[static_cast<size_t>(r % half)];
    (r < half ? pair.chosen : pair.rejected) = static_cast<float>(sum);
  }
  return out;
}

Tensor PairBatch::factors(std::span<const double> by_chosen, std::span<const double> by_rejected) {
  const int64_t half = rows_ / 2;
  for (int64_t r = 0; r < rows_; ++r) {
    const auto pair = static_cast<size_t>(r % half);
    const auto factor = static_cast<float>(-(r < half ? by_chosen[pair] : by_rejected[pair]));
    for (int64_t t = r * columns_; t < (r + 1) * columns_; ++t)
      factors_[static_cast<size_t>(t)] = targets_[static_cast<size_t>(t)] >= 0 ? factor : 0;
  }
  return Tensor::borrow(factors_.data(), {tokens()}, DType::kFloat32);
}

std::vector<int64_t> by_length(std::span<const EncodedPair* const> pairs) {
  std::vector<int64_t> order(pairs.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
    return pairs[static_cast<size_t>(a)]->longest() < pairs[static_cast<size_t>(b)]->longest();
  });
  return order;
}

std::vector<AnswerSums> score_pairs(model::Transformer& model, ops::Context& ctx, std::span<const EncodedPair> pairs,
                                    int64_t rows) {
  std::vector<const EncodedPair*> all;
  for (const EncodedPair& pair : pairs) all.push_back(&pair);
  const std::vector<int64_t> order = by_length(all);
  const auto step = static_cast<size_t>(std::max<int64_t>(1, rows / 2));
  std::vector<AnswerSums> out(pairs.size());
  for (size_t begin = 0; begin < order.size(); begin += step) {
    const size_t end = std::min(order.size(), begin + step);
    std::vector<const EncodedPair*> some;
    for (size_t i = begin; i < end; ++i) some.push_back(all[static_cast<size_t>(order[i])]);
    PairBatch batch(some);
    autograd::Tape tape(ctx, false);
    const autograd::Var hidden = model.forward(tape, batch.batch());
    const std::vector<AnswerSums> sums = batch.sums(model.loss(tape, hidden, batch.targets(), Tensor()));
    for (size_t i = begin; i < end; ++i) out[static_cast<size_t>(order[i])] = sums[i - begin];
  }
  return out;
}

}  // namespace lathe::train
