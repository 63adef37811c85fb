// Exact and near-duplicates over all sources of a mix. Rows L-2.20 to L-2.27; trap T6.
//
// Documents are ranked through all sources (order of sources, files, places). Exact duplicates have the same exact
// hash; only the first of them goes on. Two of those are near-duplicates when they have a shingle each, agree in a band
// (LSH candidates), one of them is among the first `most_candidates` of that band's bucket by rank, and at least
// `threshold` of the entries of their signatures are equal. A cluster is a connected
// component of both relations; its survivor is its smallest rank. So the result is a function of the signature files
// and the settings, whatever the memory bound.
//
// Memory: the bound, 8 bytes and 2 bits a document, and 2 MiB.
// Disk (`folder`): 16 * (bands + 1) bytes a document for the sorts, removed at the end and on error.
// Time: a bucket of m documents takes m comparisons when they are mutual near-duplicates, at most m * most_candidates
// when none are (pages of one template, say).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "corpus/lsh.h"
#include "corpus/minhash.h"
#include "corpus/survivors.h"
#include "dist/communicator.h"

namespace lathe::corpus {

struct DuplicateSettings {
  MinHashSettings minhash;
  double threshold = 0.85;                                          // between 0 and 1
  double false_positive_weight = 0.5, false_negative_weight = 0.5;  // choose_bands
  int64_t most_candidates = 1000;  // of a band's bucket, that further ones are compared with
  int64_t memory_bytes = 256 << 20;                                 // at least kMinDuplicateMemory
  fs::path folder;                                                  // for the sorts
  int64_t sample_clusters = 5;                                      // samples of each kind in the report
  int64_t sample_members = 5;                                       // per sample
};

inline constexpr int64_t kMinDuplicateMemory = 256 << 10;

struct SignatureSource {
  std::string name;
  std::vector<fs::path> files;  // signature files (corpus/signature_file.h), documents rising through them
};

struct SourceDuplicates {
  std::string name;
  int64_t documents = 0;
  int64_t exact = 0;      // removed: an earlier document, of any source, has the same text
  int64_t near = 0;       // removed: not exact, and not the first of its cluster
  int64_t too_short = 0;  // fewer words than a shingle: exact match only
};

struct ClusterMember {
  int64_t source = 0;
  uint64_t document = 0;  // number in the signature file
  bool exact = false;     // removed as an exact duplicate
  double similarity = 1;  // of its signature to the survivor's; 1 for the survivor
};

struct ClusterSample {
  int64_t documents = 0;               // of the whole cluster
  std::vector<ClusterMember> members;  // the survivor, then the next by rank
};

struct DuplicateReport {
  LshBands bands;           // as chosen; to be recorded (L-2.22)
  std::string fingerprint;  // 64 hexadecimal digits: SHA-256 of settings that matter and of all signature files
  int64_t documents = 0, exact = 0, near = 0, clusters = 0;
  int64_t compared = 0, confirmed = 0;  // pairs of candidates; those already in one cluster are not compared
  std::vector<SourceDuplicates> sources;
  // [kept * sources.size() + removed]: exact by the source of the first document of the same text, near by that of the
  // cluster's survivor.
  std::vector<int64_t> exact_pairs, near_pairs;
  // Of clusters whose first removed document is exact, and of those where it is near.
  std::vector<ClusterSample> samples;
};

struct Duplicates {
  Survivors survivors;  // by rank
  DuplicateReport report;
};

Result<Duplicates> find_duplicates(const std::vector<SignatureSource>& sources, const DuplicateSettings& settings);

// By several ranks that see the same files, each of which calls it alike: the files are shared out for reading, the
// records by key for sorting (corpus/candidate_sort.h); the main rank compares and joins. Its result is that of one
// process; the others get the survivors, and of the report no more than bands, fingerprint and documents.
Result<Duplicates> find_duplicates(const std::vector<SignatureSource>& sources, const DuplicateSettings& settings,
                                   dist::Communicator& job);

// The fingerprint alone, from the files' ends: whether bits on disk belong to these inputs (Survivors::load).
Result<std::string> duplicates_fingerprint(const std::vector<SignatureSource>& sources,
                                           const DuplicateSettings& settings);

}  // namespace lathe::corpus
