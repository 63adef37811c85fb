#include "infer/log_softmax.h"

#include <algorithm>

#include "infer/sampler.h"
#include "ops/head_loss.h"

namespace lathe::infer {

bool log_softmax(ops::Context& ctx, const Tensor& logits, LogSoftmax& out) {
  const int32_t best = argmax(logits.span<float>());
  if (best < 0) return false;
  int32_t target = best;
  // The loss of the largest logit is log sum exp(z - largest) and nothing else.
  ops::logits_loss(ctx, logits, Tensor::borrow(&target, {1}, DType::kInt32), Tensor::borrow(&out.log_total, {1}, DType::kFloat32));
  out.largest = logits.data<float>()[best];
  return true;
}

std::vector<std::pair<int32_t, float>> most_likely(std::span<const float> logits, const LogSoftmax& softmax, int64_t count) {
  using Entry = std::pair<int32_t, float>;
  const auto better = [](const Entry& a, const Entry& b) { return a.second > b.second || (a.second == b.second && a.first < b.first); };
  const auto most = static_cast<size_t>(std::clamp<int64_t>(count, 0, static_cast<int64_t>(logits.size())));
  std::vector<Entry> heap;  // the worst in front
  if (most == 0) return heap;
  heap.reserve(most);
  for (size_t i = 0; i < logits.size(); ++i) {
    if (heap.size() == most && logits[i] <= heap.front().second) continue;
    if (heap.size() == most) {
      std::pop_heap(heap.begin(), heap.end(), better);
      heap.pop_back();
    }
    heap.emplace_back(static_cast<int32_t>(i), logits[i]);
    std::push_heap(heap.begin(), heap.end(), better);
  }
  std::sort_heap(heap.begin(), heap.end(), better);
  for (Entry& entry : heap) entry.second = softmax.of(entry.second);
  return heap;
}

}  // namespace lathe::infer
