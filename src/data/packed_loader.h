// Batches from packed data sets in their mix (rows L-5.22 to L-5.31). Micro batch m of rank r holds the global samples
// start + (m * world + r) * rows ..., so the samples of an optimizer step do not depend on how it is cut into ranks and
// micro batches. The whole state is the number of the next global sample (traps R1 to R5): the same on every rank, and
// good for another number of ranks or another batch size.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "data/mixed_sampler.h"
#include "data/sequence_set.h"
#include "data/token_loader.h"

namespace lathe::data {

struct PackedLoaderOptions {
  int64_t rows = 8;
  int64_t rank = 0, world = 1;
  int64_t workers = 1;  // 0: batches are made in the calling thread
  int64_t ahead = 2;    // batches held ready per worker
  uint64_t seed = 42;
  uint64_t phase = 0;
  bool documents = false;  // fill TokenBatch::documents (row L-4.8)
};

class PackedLoader : public TokenLoader {
 public:
  virtual int64_t samples() const = 0;  // global samples of the batches handed out so far, by all ranks
  virtual std::vector<int64_t> counts() const = 0;  // of them, from each set
  virtual std::vector<std::pair<std::string, double>> mix() const = 0;  // each set's name and its share of these samples
  virtual std::vector<std::string> mix_lines() const = 0;  // MixedSampler::mix_lines of them (row L-5.27)
};

// Sets of one sequence length, which is the batch's number of columns. `weights` as for mix_shares. The state is
// {"loader": "mixed", "sample": next global sample, "epoch": of the slowest set from 1, seed, phase, sizes, shares}; a
// state of other data sets, weights, seed or phase is an error.
Result<std::unique_ptr<PackedLoader>> packed_loader(std::vector<std::shared_ptr<const SequenceSet>> sets,
                                                    const std::vector<double>& weights,
                                                    const PackedLoaderOptions& options);

}  // namespace lathe::data
