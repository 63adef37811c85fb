// Which training texts share a word n-gram with an evaluation set. Row L-2.28. Whether such a text is removed or
// flagged is the caller's choice. A match is one of 64-bit hashes: the chance that any of 10^10 n-grams of a corpus
// meets one of 10^6 by accident is about 1 in 2000.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"
#include "corpus/ngram_set.h"

namespace lathe::corpus {

struct Contamination {
  int64_t set = 0;            // index of the evaluation set
  int64_t matches = 0;        // n-grams of the text that are in it, repeats included
  size_t begin = 0, end = 0;  // bytes of the text: the first of them
};

// Immutable: any number of threads may ask at once. Memory: 12 to 14 bytes an n-gram, 30 while it is made.
class Decontaminator {
 public:
  // All sets must be of one n; else it throws. No sets: every text is clean.
  explicit Decontaminator(const std::vector<NgramSet>& sets);

  // Per contaminating set, by index; empty for a clean text.
  std::vector<Contamination> find(std::string_view text) const;

  struct Set {
    std::string name, sha256;
    int64_t ngrams = 0, texts = 0, short_texts = 0;
  };
  const std::vector<Set>& sets() const { return sets_; }
  int64_t ngram() const { return ngram_; }

 private:
  int64_t ngram_ = kDefaultNgram;
  std::vector<Set> sets_;
  std::vector<uint64_t> hashes_;  // of all sets, rising; equal ones by set
  std::vector<uint16_t> set_of_;  // of the hash at the same place
  std::vector<uint64_t> maybe_;   // a bit per value of a hash's upper bits: 0 = no hash begins so
  int shift_ = 63;
};

// Counts and samples, per set. Documents are added in their order by one thread; so the report does not depend on
// timing.
class DecontaminationReport {
 public:
  DecontaminationReport(const Decontaminator& sets, int64_t samples_per_set = 5);
  void add(std::string_view source, uint64_t document, std::string_view text, const std::vector<Contamination>& found);

  int64_t documents() const { return documents_; }
  int64_t contaminated() const { return contaminated_; }
  // {"ngram", "documents", "contaminated", "sets": [{"name", "sha256", "ngrams", "texts", "short_texts", "documents",
  //   "samples": [{"source", "document", "matches", "ngram"}]}]}; the list of L-2.29 for the manifest.
  Json to_json() const;

 private:
  struct Sample {
    std::string source, ngram;
    uint64_t document;
    int64_t matches;
  };
  struct PerSet {
    Decontaminator::Set set;
    int64_t documents = 0;
    std::vector<Sample> samples;
  };
  int64_t ngram_, most_samples_, documents_ = 0, contaminated_ = 0;
  std::vector<PerSet> sets_;
};

}  // namespace lathe::corpus
