// Which sequence of which data set is global sample k (rows L-5.23 to L-5.28): a pure function of (seed, phase, k), the
// weights and the sizes, and of nothing else: not of ranks, workers, batch size or what was drawn before.
//
// Samples are dealt in blocks of 1024. In a block each set gets its share to the whole number, the fractions carried
// over from block to block, and a random order keyed by (seed, block) says which sample is whose. So shares are exact
// to one sample per set at any block's end, and the n-th draw from a set is known without drawing the others. Draw n is
// element n mod size of the set's permutation of epoch n / size.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "core/permutation.h"
#include "core/result.h"

namespace lathe::data {

struct MixedSource {
  std::string name;
  int64_t size = 0;  // sequences, > 0
};

struct MixedSample {
  int64_t source = 0;
  int64_t index = 0;  // sequence within the source
  int64_t epoch = 0;  // of the source, from 0
};

// Shares of one sum; empty `weights`: by size. Errors: another count than the sources', a weight negative or not
// finite, none above 0, an empty source with a weight (row L-5.23).
Result<std::vector<double>> mix_shares(const std::vector<MixedSource>& sources, const std::vector<double>& weights);

// Copies share nothing. One thread at a time, because it keeps the block in use: make one per thread.
class MixedSampler {
 public:
  // `shares` from mix_shares. Phase 0, 1, ...: row L-5.34.
  MixedSampler(std::vector<MixedSource> sources, std::vector<double> shares, uint64_t seed, uint64_t phase = 0);

  MixedSample at(int64_t k);
  // How many of samples 0 .. k - 1 came from each source: the mix to be shown beside the shares (row L-5.27).
  std::vector<int64_t> counts(int64_t k);
  const std::vector<MixedSource>& sources() const { return sources_; }
  const std::vector<double>& shares() const { return shares_; }
  // One line a source: share wanted and had, samples, epochs begun.
  std::vector<std::string> mix_lines(int64_t k);
  std::vector<std::pair<std::string, double>> mix(int64_t k);  // names and shares had, as figures
  // Row L-5.28, trap R6: one warning for each source in the mix with fewer sequences than a global batch.
  std::vector<std::string> small_source_warnings(int64_t global_batch) const;

 private:
  static constexpr int64_t kBlock = 1024;
  void deal(int64_t block);
  void counts_at_block(int64_t block, std::vector<int64_t>& counts) const;
  const Permutation& epoch_of(int64_t source, int64_t epoch);
  std::string epoch_purpose(int64_t source) const;

  std::vector<MixedSource> sources_;
  std::vector<double> shares_;
  std::vector<uint64_t> fractions_;  // of what is left after the sources before, in 2^-32
  uint64_t seed_, phase_;
  int64_t block_ = -1;               // that is dealt
  std::vector<int64_t> before_;      // draws of each source before the block
  std::vector<int32_t> owner_;       // of each sample of the block
  std::vector<int64_t> draw_;        // and which draw of its owner it is
  std::vector<Permutation> epochs_;  // of each source, the one used last
  std::vector<int64_t> epoch_numbers_;
};

}  // namespace lathe::data
