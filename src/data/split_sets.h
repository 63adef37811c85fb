// The part of several data sets that a loader draws from.
#pragma once

#include <memory>
#include <vector>

#include "data/corpus.h"
#include "data/sequence_set.h"

namespace lathe::data {

struct SplitSets {
  std::vector<std::shared_ptr<const SequenceSet>> sets;
  std::vector<double> weights;  // of the sets that have the split
};

// Set has members `train` and `validation`, shared pointers to sequence sets; null: no such part.
template <class Set>
SplitSets split_sets(Split split, const std::vector<Set>& all, const std::vector<double>& shares) {
  SplitSets out;
  for (size_t i = 0; i < all.size(); ++i) {
    const auto& set = split == Split::kTrain ? all[i].train : all[i].validation;
    if (set == nullptr) continue;
    out.sets.push_back(set);
    out.weights.push_back(shares[i]);
  }
  return out;
}

}  // namespace lathe::data
