// The order in which the documents of a split are packed: shuffled by a permutation that is computed, and for best fit
// chosen out of a window of waiting documents. Memory: the window.
#pragma once

#include <cstdint>
#include <functional>

#include "core/permutation.h"
#include "data/best_fit_buffer.h"
#include "data/packer.h"

namespace lathe::data {

class DocumentOrder {
 public:
  using Length = std::function<int64_t(int64_t document)>;  // in tokens

  DocumentOrder(int64_t documents, const PackSettings& settings, const std::string& split, Length length)
      : settings_(settings), shuffle_(documents, settings.seed, "order of " + split), length_(std::move(length)) {}

  // Number of the next document in the corpus' order; -1 at the end.
  int64_t next() {
    if (settings_.strategy == PackingStrategy::kGreedy) return fetched_ < shuffle_.size() ? fetch() : -1;
    while (fetched_ < shuffle_.size() && waiting_.size() < settings_.buffer_size) {
      const int64_t document = fetch();
      waiting_.add(length_(document), document);
    }
    if (waiting_.size() == 0) return -1;
    int64_t document = 0;
    const int64_t space = settings_.sequence_length - position_ % settings_.sequence_length;
    if (!waiting_.take_longest(space, document)) {
      // Nothing fits, so something is cut whatever is taken. The longest is likely to be cut anyway; what is left of it
      // stands at the start of the next row, and short ones stay to fill rests.
      const bool found = waiting_.take_longest(INT64_MAX - 1, document);
      LATHE_CHECK(found, "no document waits");
    }
    position_ += length_(document);
    return document;
  }

 private:
  int64_t fetch() {
    const int64_t place = fetched_++;
    return settings_.shuffle ? shuffle_(place) : place;
  }

  PackSettings settings_;
  Permutation shuffle_;
  Length length_;
  int64_t fetched_ = 0;
  int64_t position_ = 0;  // tokens given out
  BestFitBuffer<int64_t> waiting_;
};

}  // namespace lathe::data
