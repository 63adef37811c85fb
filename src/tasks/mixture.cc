#include "tasks/mixture.h"

#include <algorithm>

#include "core/check.h"
#include "core/python_random.h"

namespace lathe::tasks {
namespace {

class Slice : public ConversationSet {
 public:
  Slice(ConversationSetPtr set, int64_t start, int64_t stop, int64_t step)
      : set_(std::move(set)), start_(start), step_(step), size_((stop - start + step - 1) / step) {}
  int64_t size() const override { return size_; }
  Result<Example> get(int64_t index) const override {
    require(index >= 0 && index < size_, "[slice] item ", index, " of ", size_);
    return set_->get(start_ + index * step_);
  }

 private:
  ConversationSetPtr set_;
  int64_t start_, step_, size_;
};

// All items of all sets in a row, then through an order (empty: as they are). 8 bytes an item.
class Chain : public ConversationSet {
 public:
  explicit Chain(std::vector<ConversationSetPtr> sets) : sets_(std::move(sets)) {
    int64_t total = 0;
    for (const ConversationSetPtr& set : sets_) ends_.push_back(total += set->size());
  }
  void shuffle(uint64_t seed) { order_ = PythonRandom(seed).shuffled(size()); }
  int64_t size() const override { return ends_.empty() ? 0 : ends_.back(); }
  Result<Example> get(int64_t index) const override {
    require(index >= 0 && index < size(), "[mixture] item ", index, " of ", size());
    const int64_t place = order_.empty() ? index : order_[static_cast<size_t>(index)];
    const auto set = static_cast<size_t>(std::upper_bound(ends_.begin(), ends_.end(), place) - ends_.begin());
    LATHE_TRY(Example example, sets_[set]->get(place - (set == 0 ? 0 : ends_[set - 1])));
    example.part = set;
    return example;
  }

 private:
  std::vector<ConversationSetPtr> sets_;
  std::vector<int64_t> ends_, order_;
};

}  // namespace

Result<ConversationSetPtr> slice(ConversationSetPtr set, int64_t start, int64_t stop, int64_t step) {
  const int64_t size = set->size();
  if (stop < 0) stop = size;
  if (start < 0 || step < 1 || stop < start || stop > size)
    return error("items ", start, " to ", stop, " by ", step, " of a set of ", size, "; start from 0 on, then stop, at most the size, and step from 1 on");
  return ConversationSetPtr(std::make_shared<Slice>(std::move(set), start, stop, step));
}

ConversationSetPtr mixture(std::vector<ConversationSetPtr> sets, uint64_t seed) {
  auto chain = std::make_shared<Chain>(std::move(sets));
  chain->shuffle(seed);
  return chain;
}

ConversationSetPtr sequence(std::vector<ConversationSetPtr> sets) { return std::make_shared<Chain>(std::move(sets)); }

}  // namespace lathe::tasks
