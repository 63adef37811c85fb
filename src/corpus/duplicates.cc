#include "corpus/duplicates.h"

#include <cmath>
#include <map>
#include <unordered_map>
#include <utility>

#include "core/check.h"
#include "core/sha256.h"
#include "corpus/candidate_sort.h"
#include "corpus/signature_set.h"
#include "corpus/union_find.h"
#include "corpus/words.h"

namespace lathe::corpus {
namespace {

std::string fingerprint_of(const SignatureSet& documents, const DuplicateSettings& settings, const LshBands& bands) {
  return sha256_hex(join_text("duplicates 1\nthreshold ", shortest_double(settings.threshold), "\nbands ", bands.bands,
                              "\nrows ", bands.rows, "\ncandidates ", settings.most_candidates, "\n",
                              documents.hashes()));
}

LshBands bands_of(const DuplicateSettings& settings) {
  return choose_bands(settings.threshold, settings.minhash.permutations, settings.false_positive_weight,
                      settings.false_negative_weight);
}

class Finder {
 public:
  Finder(const std::vector<SignatureSource>& sources, const DuplicateSettings& settings, SignatureSet documents,
         dist::Communicator& job)
      : settings_(settings),
        job_(job),
        set_(std::move(documents)),
        clusters_(static_cast<uint64_t>(set_.documents())),
        exact_(set_.documents()),
        survivors_(set_.documents()) {
    report_.bands = bands_of(settings);
    report_.documents = set_.documents();
    report_.fingerprint = fingerprint_of(set_, settings, report_.bands);
    for (const SignatureSource& source : sources) report_.sources.push_back({source.name, 0, 0, 0, 0});
    report_.exact_pairs.resize(sources.size() * sources.size());
    report_.near_pairs.resize(sources.size() * sources.size());
    const double entries = settings.threshold * static_cast<double>(settings.minhash.permutations);
    needed_ = static_cast<int64_t>(std::ceil(entries - 1e-9));
  }

  Result<Duplicates> run() {
    LATHE_TRY(CandidateSort exact, CandidateSort::open({settings_.folder, "exact", settings_.memory_bytes / 4}, job_));
    LATHE_TRY(CandidateSort bands,
              CandidateSort::open({settings_.folder, "bands", settings_.memory_bytes / 4 * 3}, job_));
    LATHE_TRY_STATUS(scan(exact, bands));
    LATHE_TRY_STATUS(exact.finish([&](const SortRecord& record) { return join_exact(record); }));
    LATHE_TRY_STATUS(bands.finish([&](const SortRecord& record) { return join_near(record); }));
    if (job_.is_main()) LATHE_TRY_STATUS(finish());
    LATHE_TRY_STATUS(survivors_.broadcast(job_));
    return Duplicates{std::move(survivors_), std::move(report_)};
  }

 private:
  // The files are shared out; every rank exchanges as often as the one with the most documents.
  Status scan(CandidateSort& exact, CandidateSort& bands) {
    const int64_t round = std::min(exact.waiting_records(), bands.waiting_records() / report_.bands.bands);
    int64_t waiting = 0, rounds = 0;
    const auto exchange = [&]() -> Status {
      ++rounds, waiting = 0;
      LATHE_TRY_STATUS(exact.exchange());
      return bands.exchange();
    };
    LATHE_TRY_STATUS(set_.scan(job_.rank(), job_.size(), [&](int64_t rank, int64_t source, const SignatureView& view) -> Status {
      SourceDuplicates& counts = report_.sources[static_cast<size_t>(source)];
      ++counts.documents;
      counts.too_short += view.shingles == 0;
      LATHE_TRY_STATUS(exact.add({view.exact.first, static_cast<uint64_t>(rank)}));
      for (int64_t band = 0; band < report_.bands.bands && view.shingles > 0; ++band)
        LATHE_TRY_STATUS(bands.add({band_key(view.signature, band, report_.bands.rows), static_cast<uint64_t>(rank)}));
      return job_.size() > 1 && ++waiting == round ? exchange() : Status();
    }));
    if (job_.size() == 1) return {};
    int64_t most = 0;
    for (int rank = 0; rank < job_.size(); ++rank)
      most = std::max(most, set_.documents_of_share(rank, job_.size()) / round + 1);
    while (rounds < most) LATHE_TRY_STATUS(exchange());
    for (SourceDuplicates& counts : report_.sources)
      for (int64_t* count : {&counts.documents, &counts.too_short})
        LATHE_TRY_STATUS(job_.all_reduce(count, 1, dist::ElementType::kInt64, dist::Reduction::kSum));
    return {};
  }

  // Records come sorted by the front half of the hash, then rank: within equal keys the second half decides.
  Status join_exact(const SortRecord& record) {
    if (!exact_open_ || record.key != exact_first_.key) {
      exact_first_ = record;
      exact_open_ = true;
      firsts_.clear();
      return {};
    }
    if (firsts_.empty()) {
      LATHE_TRY(const ExactHash hash, set_.read_exact(static_cast<int64_t>(exact_first_.value)));
      firsts_[hash.second] = exact_first_.value;
    }
    LATHE_TRY(const ExactHash hash, set_.read_exact(static_cast<int64_t>(record.value)));
    const auto [same, fresh] = firsts_.emplace(hash.second, record.value);
    if (!fresh) remove_exact(same->second, record.value);
    return {};
  }

  void remove_exact(uint64_t kept, uint64_t removed) {
    const auto rank = static_cast<int64_t>(removed);
    clusters_.unite(kept, removed);
    exact_.keep(rank);
    ++report_.exact;
    ++report_.sources[static_cast<size_t>(set_.source_of(rank))].exact;
    ++report_.exact_pairs[pair_of(static_cast<int64_t>(kept), rank)];
  }

  Status join_near(const SortRecord& record) {
    if (record.key != bucket_key_) bucket_.clear(), bucket_documents_ = 0;
    bucket_key_ = record.key;
    return exact_.kept(static_cast<int64_t>(record.value)) ? Status() : add_to(bucket_, record.value);
  }

  // The first documents of equal band key, those of one cluster together.
  using Bucket = std::vector<std::vector<uint64_t>>;

  // Compares the document with every cluster of the bucket until one pair is confirmed: further pairs with the same
  // cluster would not change the components.
  Status add_to(Bucket& bucket, uint64_t document) {
    constexpr size_t kNone = ~size_t{0};
    size_t own = kNone;
    for (size_t i = 0; i < bucket.size() && own == kNone; ++i)
      if (clusters_.find(bucket[i].front()) == clusters_.find(document)) own = i;
    for (size_t i = bucket.size(); i-- > 0;) {
      if (i == own) continue;
      LATHE_TRY(const bool joined, near_any(bucket[i], document));
      if (!joined) continue;
      clusters_.unite(bucket[i].front(), document);
      if (own != kNone) {
        bucket[i].insert(bucket[i].end(), bucket[own].begin(), bucket[own].end());
        bucket.erase(bucket.begin() + static_cast<std::ptrdiff_t>(own));
        if (own < i) --i;
      }
      own = i;
    }
    if (bucket_documents_ == settings_.most_candidates) return {};
    ++bucket_documents_;
    if (own == kNone) own = bucket.size(), bucket.emplace_back();
    bucket[own].push_back(document);
    return {};
  }

  Result<bool> near_any(const std::vector<uint64_t>& members, uint64_t document) {
    for (const uint64_t member : members) {
      LATHE_TRY_STATUS(load(document, document_));
      LATHE_TRY_STATUS(load(member, member_));
      ++report_.compared;
      if (equal_entries(document_.signature, member_.signature) < needed_) continue;
      ++report_.confirmed;
      return true;
    }
    return false;
  }

  struct Loaded {
    uint64_t rank = ~uint64_t{0};
    std::vector<uint32_t> signature;
  };
  Status load(uint64_t rank, Loaded& loaded) {
    if (loaded.rank == rank) return {};
    const Result<SignatureView> view = set_.read(static_cast<int64_t>(rank), loaded.signature);
    if (!view.ok()) return view.error();
    loaded.rank = rank;
    return {};
  }

  size_t pair_of(int64_t kept, int64_t removed) const {
    return static_cast<size_t>(set_.source_of(kept)) * report_.sources.size() +
           static_cast<size_t>(set_.source_of(removed));
  }

  Status finish() {
    Survivors with_removed(report_.documents);
    int64_t sampled[2] = {0, 0};
    std::unordered_map<int64_t, size_t> sample_of;  // by survivor
    for (int64_t rank = 0; rank < report_.documents; ++rank) {
      const auto root = static_cast<int64_t>(clusters_.find(static_cast<uint64_t>(rank)));
      if (root == rank) {
        survivors_.keep(rank);
        continue;
      }
      const bool exact = exact_.kept(rank);
      if (!exact) {
        ++report_.near;
        ++report_.sources[static_cast<size_t>(set_.source_of(rank))].near;
        ++report_.near_pairs[pair_of(root, rank)];
      }
      if (!with_removed.kept(root)) {
        with_removed.keep(root);
        ++report_.clusters;
        if (sampled[exact] < settings_.sample_clusters) {
          ++sampled[exact];
          sample_of[root] = report_.samples.size();
          report_.samples.push_back({1, {}});
          LATHE_TRY_STATUS(add_member(report_.samples.back(), root, root));
        }
      }
      if (const auto sample = sample_of.find(root); sample != sample_of.end()) {
        ClusterSample& cluster = report_.samples[sample->second];
        ++cluster.documents;
        LATHE_TRY_STATUS(add_member(cluster, root, rank));
      }
    }
    return {};
  }

  Status add_member(ClusterSample& cluster, int64_t survivor, int64_t rank) {
    if (std::ssize(cluster.members) >= settings_.sample_members) return {};
    LATHE_TRY_STATUS(load(static_cast<uint64_t>(survivor), document_));
    std::vector<uint32_t> signature;
    LATHE_TRY(const SignatureView view, set_.read(rank, signature));
    cluster.members.push_back(
        {set_.source_of(rank), view.document, exact_.kept(rank), estimated_similarity(document_.signature, signature)});
    return {};
  }

  const DuplicateSettings& settings_;
  dist::Communicator& job_;
  SignatureSet set_;
  UnionFind clusters_;
  Survivors exact_;     // here: bits of the exact duplicates
  Survivors survivors_;
  bool exact_open_ = false;
  SortRecord exact_first_;               // of the key at hand
  std::map<uint64_t, uint64_t> firsts_;  // second half -> smallest rank; read from disk only when two keys are equal
  uint64_t bucket_key_ = 0;
  int64_t bucket_documents_ = 0;  // in bucket_
  Bucket bucket_;
  int64_t needed_ = 0;  // equal entries of a confirmed pair
  Loaded document_, member_;
  DuplicateReport report_;
};

}  // namespace

Result<Duplicates> find_duplicates(const std::vector<SignatureSource>& sources, const DuplicateSettings& settings,
                                   dist::Communicator& job) {
  if (settings.memory_bytes < kMinDuplicateMemory)
    return error("a memory bound of ", settings.memory_bytes, " bytes is too small to find duplicates with; at least ",
                 kMinDuplicateMemory, " are needed");
  if (settings.most_candidates < 1) return error("most_candidates must be at least 1, got ", settings.most_candidates);
  LATHE_TRY(SignatureSet documents, SignatureSet::open(sources, settings.minhash));
  return Finder(sources, settings, std::move(documents), job).run();
}

Result<Duplicates> find_duplicates(const std::vector<SignatureSource>& sources, const DuplicateSettings& settings) {
  const auto job = dist::single_process();
  return find_duplicates(sources, settings, *job);
}

Result<std::string> duplicates_fingerprint(const std::vector<SignatureSource>& sources,
                                           const DuplicateSettings& settings) {
  LATHE_TRY(const SignatureSet documents, SignatureSet::open(sources, settings.minhash));
  return fingerprint_of(documents, settings, bands_of(settings));
}

}  // namespace lathe::corpus
