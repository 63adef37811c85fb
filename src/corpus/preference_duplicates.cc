#include "corpus/preference_duplicates.h"

#include "core/sha256.h"

namespace lathe::corpus {

namespace {
constexpr size_t kMostCandidates = 1000;  // of a band: pages of one template must not cost the square of their number
}

PromptDuplicates::PromptDuplicates(bool fuzzy, double threshold)
    : fuzzy_(fuzzy), threshold_(threshold), bands_(choose_bands(threshold, MinHashSettings().permutations)) {}

bool PromptDuplicates::seen(const std::string& prompt) {
  if (!hashes_.insert(sha256_hex(prompt)).second) return true;
  if (!fuzzy_) return false;
  std::vector<uint32_t> signature(static_cast<size_t>(hasher_.settings().permutations));
  if (hasher_.sign(prompt, signature) == 0) return false;  // fewer words than a shingle: equal texts only
  std::vector<uint64_t> keys;
  for (int64_t band = 0; band < bands_.bands; ++band) {
    keys.push_back(band_key(signature, band, bands_.rows));
    const auto bucket = buckets_.find(keys.back());
    if (bucket == buckets_.end()) continue;
    for (const int64_t other : bucket->second)
      if (estimated_similarity(signature, signatures_[static_cast<size_t>(other)]) >= threshold_) return true;
  }
  for (const uint64_t key : keys)
    if (auto& bucket = buckets_[key]; bucket.size() < kMostCandidates)
      bucket.push_back(static_cast<int64_t>(signatures_.size()));
  signatures_.push_back(std::move(signature));
  return false;
}

}  // namespace lathe::corpus
