#include "data/mixed_sampler.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/check.h"
#include "core/rng.h"
#include "core/text.h"

namespace lathe::data {
namespace {

constexpr int kFractionBits = 32;
constexpr uint64_t kWhole = uint64_t{1} << kFractionBits;

// floor(n * fraction / 2^32) without overflow for every n >= 0.
int64_t share_of(int64_t n, uint64_t fraction) {
  const auto count = static_cast<uint64_t>(n);
  return static_cast<int64_t>((count >> kFractionBits) * fraction +
                              (((count & (kWhole - 1)) * fraction) >> kFractionBits));
}

}  // namespace

Result<std::vector<double>> mix_shares(const std::vector<MixedSource>& sources, const std::vector<double>& weights) {
  if (sources.empty()) return error_at("data_dirs", -1, "names no data set");
  if (!weights.empty() && weights.size() != sources.size())
    return error_at("data_weights", -1, "has ", weights.size(), " weights for ", sources.size(),
                    " data sets; give one for each, or none");
  std::vector<double> shares(sources.size());
  for (size_t i = 0; i < sources.size(); ++i) {
    shares[i] = weights.empty() ? static_cast<double>(sources[i].size) : weights[i];
    if (!std::isfinite(shares[i]) || shares[i] < 0)
      return error_at("data_weights", -1, "weight ", shares[i], " of ", sources[i].name,
                      " must be a number of at least 0");
    if (sources[i].size < 1 && shares[i] > 0)
      return error_at(sources[i].name, -1, "has no sequence to draw; pack more text, or give it weight 0");
  }
  const double largest = *std::max_element(shares.begin(), shares.end());
  if (!(largest > 0)) return error_at("data_weights", -1, "all weights are 0; one must be above 0");
  for (double& share : shares) share /= largest;  // so that no sum overflows
  const double sum = std::accumulate(shares.begin(), shares.end(), 0.0);
  for (double& share : shares) share /= sum;
  return shares;
}

MixedSampler::MixedSampler(std::vector<MixedSource> sources, std::vector<double> shares, uint64_t seed, uint64_t phase)
    : sources_(std::move(sources)), shares_(std::move(shares)), seed_(seed), phase_(phase) {
  require(!sources_.empty() && shares_.size() == sources_.size(), "[mixed_sampler] ", shares_.size(), " shares of ",
          sources_.size(), " sources");
  double left = std::accumulate(shares_.begin(), shares_.end(), 0.0);
  size_t last = 0;  // takes what rounding leaves
  for (size_t i = 0; i < shares_.size(); ++i)
    if (shares_[i] > 0) last = i;
  for (size_t i = 0; i < shares_.size(); ++i) {
    const double fraction = i == last ? 1 : left > 0 ? std::clamp(shares_[i] / left, 0.0, 1.0) : 0;
    fractions_.push_back(i > last ? 0 : static_cast<uint64_t>(std::llround(fraction * static_cast<double>(kWhole))));
    left -= shares_[i];
    epochs_.emplace_back(sources_[i].size, seed_, epoch_purpose(static_cast<int64_t>(i)), 0);
  }
  epoch_numbers_.assign(sources_.size(), 0);
  owner_.resize(kBlock);
  draw_.resize(kBlock);
}

std::string MixedSampler::epoch_purpose(int64_t source) const {
  return join_text("epoch of data set ", source, " phase ", phase_);
}

// Each source takes its fraction of what the ones before it left. A floor of a fraction never shrinks and never grows
// faster than what it is taken of, so every source's count only grows and all of them add up.
void MixedSampler::counts_at_block(int64_t block, std::vector<int64_t>& counts) const {
  int64_t left = block * kBlock;
  counts.resize(sources_.size());
  for (size_t i = 0; i < sources_.size(); ++i) {
    counts[i] = share_of(left, fractions_[i]);
    left -= counts[i];
  }
}

void MixedSampler::deal(int64_t block) {
  if (block == block_) return;
  counts_at_block(block, before_);
  std::vector<int64_t> after;
  counts_at_block(block + 1, after);
  size_t at = 0;
  for (size_t i = 0; i < sources_.size(); ++i)
    for (int64_t n = before_[i]; n < after[i]; ++n) owner_[at++] = static_cast<int32_t>(i);
  LATHE_CHECK(at == owner_.size(), at, " samples of a block of ", owner_.size());
  Rng rng(seed_, join_text("mix of data sets, phase ", phase_), static_cast<uint64_t>(block));
  for (size_t i = owner_.size(); i > 1; --i) std::swap(owner_[i - 1], owner_[rng.below(i)]);
  std::vector<int64_t> next = before_;
  for (size_t i = 0; i < owner_.size(); ++i) draw_[i] = next[static_cast<size_t>(owner_[i])]++;
  block_ = block;
}

const Permutation& MixedSampler::epoch_of(int64_t source, int64_t epoch) {
  const auto i = static_cast<size_t>(source);
  if (epoch_numbers_[i] != epoch) {
    epochs_[i] = Permutation(sources_[i].size, seed_, epoch_purpose(source), static_cast<uint64_t>(epoch));
    epoch_numbers_[i] = epoch;
  }
  return epochs_[i];
}

MixedSample MixedSampler::at(int64_t k) {
  require(k >= 0, "[mixed_sampler] sample ", k);
  deal(k / kBlock);
  const auto place = static_cast<size_t>(k % kBlock);
  MixedSample sample;
  sample.source = owner_[place];
  const int64_t size = sources_[static_cast<size_t>(sample.source)].size;
  sample.epoch = draw_[place] / size;
  sample.index = epoch_of(sample.source, sample.epoch)(draw_[place] % size);
  return sample;
}

std::vector<int64_t> MixedSampler::counts(int64_t k) {
  require(k >= 0, "[mixed_sampler] sample ", k);
  deal(k / kBlock);
  std::vector<int64_t> counts = before_;
  for (int64_t i = 0; i < k % kBlock; ++i) ++counts[static_cast<size_t>(owner_[static_cast<size_t>(i)])];
  return counts;
}

std::vector<std::pair<std::string, double>> MixedSampler::mix(int64_t k) {
  const std::vector<int64_t> had = counts(k);
  std::vector<std::pair<std::string, double>> out;
  for (size_t i = 0; i < sources_.size(); ++i) out.emplace_back(sources_[i].name, k > 0 ? static_cast<double>(had[i]) / static_cast<double>(k) : 0);
  return out;
}

std::vector<std::string> MixedSampler::mix_lines(int64_t k) {
  const std::vector<int64_t> had = counts(k);
  std::vector<std::string> lines;
  for (size_t i = 0; i < sources_.size(); ++i) {
    const double share = k > 0 ? static_cast<double>(had[i]) / static_cast<double>(k) : 0;
    const double epochs =
        sources_[i].size > 0 ? static_cast<double>(had[i]) / static_cast<double>(sources_[i].size) : 0;
    lines.push_back(format_text("%s: wanted %.4f, had %.4f, %s sequences, %.2f epochs", sources_[i].name.c_str(),
                                shares_[i], share, with_thousands(had[i]).c_str(), epochs));
  }
  return lines;
}

std::vector<std::string> MixedSampler::small_source_warnings(int64_t global_batch) const {
  std::vector<std::string> warnings;
  for (size_t i = 0; i < sources_.size(); ++i)
    if (shares_[i] > 0 && sources_[i].size < global_batch)
      warnings.push_back(join_text(sources_[i].name, " has ", with_thousands(sources_[i].size),
                                   " sequences, less than one global batch of ", with_thousands(global_batch),
                                   ": they are repeated; pack more text, or lower its weight"));
  return warnings;
}

}  // namespace lathe::data
