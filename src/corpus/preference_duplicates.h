// Pairs whose prompt came before, by its text or by MinHash similarity of its words (row L-9.2).
#pragma once

#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "corpus/lsh.h"
#include "corpus/minhash.h"

namespace lathe::corpus {

// Not thread-safe. Memory: a few bytes a prompt; with `fuzzy` 512 bytes and the bands' keys.
class PromptDuplicates {
 public:
  PromptDuplicates(bool fuzzy, double threshold);
  // True when an earlier prompt equals this one or, with `fuzzy`, resembles it; else it is remembered.
  bool seen(const std::string& prompt);

 private:
  bool fuzzy_;
  double threshold_;
  MinHasher hasher_;
  LshBands bands_;
  std::unordered_set<std::string> hashes_;
  std::vector<std::vector<uint32_t>> signatures_;
  std::unordered_map<uint64_t, std::vector<int64_t>> buckets_;
};

}  // namespace lathe::corpus
