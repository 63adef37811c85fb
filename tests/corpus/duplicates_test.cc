#include "corpus/duplicates.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <map>
#include <numeric>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/rng.h"
#include "core/sha256.h"
#include "corpus/signature_file.h"
#include "tests/ref/testing.h"
#include "tests/ref/thread_ranks.h"

namespace lathe::corpus {
namespace {

using testing::check;
using testing::take;

using Texts = std::vector<std::string>;  // of one source

std::string words(Rng& rng, int64_t count) {
  std::string text;
  for (int64_t i = 0; i < count; ++i) text += "w" + std::to_string(rng.below(100000)) + " ";
  return text;
}

// `share` of the words replaced, each by itself.
std::string edited(const std::string& text, double share, Rng& rng) {
  std::string result;
  for (const std::string& word : split_text(text, ' '))
    if (!word.empty()) result += (rng.chance(share) ? "e" + std::to_string(rng.below(1000000)) : word) + " ";
  return result;
}

// Three sources: fresh texts, exact copies, light and heavier edits of earlier texts (of any source), short texts.
std::vector<Texts> random_sources(uint64_t seed, int64_t documents) {
  Rng rng(seed, "sources");
  std::vector<Texts> sources(3);
  std::vector<std::string> all;
  for (int64_t i = 0; i < documents; ++i) {
    const std::string& old = all.empty() ? std::string("first text of all") : all[rng.below(all.size())];
    const uint64_t kind = rng.below(10);
    std::string text;
    if (kind < 4)
      text = words(rng, 30 + static_cast<int64_t>(rng.below(200)));
    else if (kind < 5)
      text = old;
    else if (kind < 9)
      text = edited(old, 0.0025 * static_cast<double>(1 + rng.below(16)), rng);
    else
      text = rng.chance(0.5) ? "a b" : "only " + std::to_string(rng.below(5));
    all.push_back(text);
    sources[static_cast<size_t>(i * 3 / documents)].push_back(text);
  }
  return sources;
}

struct Layout {
  int64_t block = 16;  // documents
  int threads = 1;
  bool backwards = false;
  int64_t files = 1;  // per source
};

std::vector<SignatureSource> sign(const fs::path& folder, const std::vector<Texts>& sources, Layout layout = {}) {
  const MinHasher hasher;
  std::vector<SignatureSource> made;
  for (size_t s = 0; s < sources.size(); ++s) {
    made.push_back({"source" + std::to_string(s), {}});
    const auto documents = std::ssize(sources[s]);
    for (int64_t f = 0; f < layout.files; ++f) {
      const int64_t begin = documents * f / layout.files, end = documents * (f + 1) / layout.files;
      const fs::path path = folder / (std::to_string(s) + "-" + std::to_string(f) + ".sig");
      SignatureWriter writer = take(SignatureWriter::open(path, hasher.settings()));
      const int64_t blocks = (end - begin + layout.block - 1) / layout.block;
      std::atomic<int64_t> next = 0;
      const auto work = [&] {
        for (int64_t turn = next++; turn < blocks; turn = next++) {
          const int64_t number = layout.backwards ? blocks - 1 - turn : turn;
          SignatureBlock block(hasher);
          for (int64_t i = begin + number * layout.block; i < std::min(end, begin + (number + 1) * layout.block); ++i)
            block.add(static_cast<uint64_t>(10 * i), sources[s][static_cast<size_t>(i)]);
          check(writer.write_block(number, std::move(block)));
        }
      };
      std::vector<std::thread> workers;
      for (int t = 0; t < layout.threads; ++t) workers.emplace_back(work);
      for (std::thread& worker : workers) worker.join();
      take(writer.commit());
      made.back().files.push_back(path);
    }
  }
  return made;
}

DuplicateSettings settings_in(const fs::path& folder, int64_t memory = 64 << 20) {
  DuplicateSettings settings;
  settings.memory_bytes = memory;
  settings.folder = folder / "work";
  return settings;
}

// Every pair against every other, components by repeated sweeps.
struct Reference {
  std::vector<int64_t> root, source, first_of_text;
  int64_t unconfirmed = 0;  // pairs of equal band key that are not similar enough

  Reference(const std::vector<Texts>& sources, const LshBands& lsh, double threshold, int64_t most_candidates = 1000) {
    const MinHasher hasher;
    std::vector<std::vector<uint32_t>> signatures;
    std::vector<bool> has_shingle;
    std::map<std::string, int64_t> seen;
    for (size_t s = 0; s < sources.size(); ++s)
      for (const std::string& text : sources[s]) {
        const auto rank = std::ssize(source);
        source.push_back(static_cast<int64_t>(s));
        first_of_text.push_back(seen.emplace(text, rank).first->second);
        signatures.emplace_back(128);
        has_shingle.push_back(hasher.sign(text, signatures.back()) > 0);
      }
    const size_t n = source.size();
    std::vector<std::pair<size_t, size_t>> edges;
    std::vector<std::vector<int64_t>> before(n, std::vector<int64_t>(static_cast<size_t>(lsh.bands)));  // in the bucket
    const auto agree = [&](size_t a, size_t b, int64_t band) {
      const auto from = signatures[a].begin() + band * lsh.rows;
      return std::equal(from, from + lsh.rows, signatures[b].begin() + band * lsh.rows);
    };
    const auto compared = [&](size_t a) { return first_of_text[a] == static_cast<int64_t>(a) && has_shingle[a]; };
    for (size_t a = 0; a < n; ++a)
      for (size_t b = a + 1; b < n; ++b)
        for (int64_t band = 0; band < lsh.bands; ++band)
          before[b][static_cast<size_t>(band)] += compared(a) && compared(b) && agree(a, b, band);
    for (size_t a = 0; a < n; ++a) {
      if (first_of_text[a] != static_cast<int64_t>(a)) {
        edges.push_back({static_cast<size_t>(first_of_text[a]), a});
        continue;
      }
      for (size_t b = a + 1; b < n; ++b) {
        if (!compared(a) || !compared(b)) continue;
        bool candidate = false;
        for (int64_t band = 0; band < lsh.bands; ++band)
          candidate = candidate || (agree(a, b, band) && before[a][static_cast<size_t>(band)] < most_candidates);
        if (!candidate) continue;
        if (estimated_similarity(signatures[a], signatures[b]) >= threshold)
          edges.push_back({a, b});
        else
          ++unconfirmed;
      }
    }
    root.resize(n);
    std::iota(root.begin(), root.end(), 0);
    for (bool changed = true; changed;) {
      changed = false;
      for (const auto& [a, b] : edges) {
        const int64_t low = std::min(root[a], root[b]);
        changed = changed || root[a] != low || root[b] != low;
        root[a] = root[b] = low;
      }
    }
  }
};

// L-2.20, L-2.22, L-2.23
TEST(Duplicates, AreTheComponentsOfAllConfirmedPairs) {
  int64_t unconfirmed = 0, near = 0, across = 0;
  for (uint64_t seed = 1; seed <= 4; ++seed) {
    const TemporaryFolder folder;
    const std::vector<Texts> sources = random_sources(seed, 400);
    const Duplicates found = take(find_duplicates(sign(folder.path(), sources), settings_in(folder.path())));
    EXPECT_EQ(found.report.bands.bands, 8);
    EXPECT_EQ(found.report.bands.rows, 16);
    const Reference reference(sources, found.report.bands, 0.85);
    std::vector<int64_t> exact_pairs(9), near_pairs(9);
    ASSERT_EQ(found.survivors.documents(), 400);
    for (size_t i = 0; i < reference.root.size(); ++i) {
      const auto rank = static_cast<int64_t>(i);
      ASSERT_EQ(found.survivors.kept(rank), reference.root[i] == rank) << "seed " << seed << " document " << i;
      const auto pair = [&](int64_t kept) {
        return static_cast<size_t>(reference.source[static_cast<size_t>(kept)] * 3 + reference.source[i]);
      };
      if (reference.first_of_text[i] != rank)
        ++exact_pairs[pair(reference.first_of_text[i])];
      else if (reference.root[i] != rank)
        ++near_pairs[pair(reference.root[i])];
    }
    // L-2.26
    EXPECT_EQ(found.report.exact_pairs, exact_pairs);
    EXPECT_EQ(found.report.near_pairs, near_pairs);
    for (size_t s = 0; s < 3; ++s) {
      const SourceDuplicates& counts = found.report.sources[s];
      EXPECT_EQ(counts.documents, std::ssize(sources[s]));
      EXPECT_EQ(counts.exact, exact_pairs[s] + exact_pairs[3 + s] + exact_pairs[6 + s]);
      EXPECT_EQ(counts.near, near_pairs[s] + near_pairs[3 + s] + near_pairs[6 + s]);
    }
    EXPECT_EQ(found.report.documents - found.report.exact - found.report.near, found.survivors.count());
    unconfirmed += reference.unconfirmed;
    near += found.report.near;
    across += near_pairs[1] + near_pairs[2] + near_pairs[5];
    EXPECT_TRUE(fs::is_empty(folder.path() / "work"));
  }
  EXPECT_GT(near, 100);  // else the test would prove little
  EXPECT_GT(across, 20);
  EXPECT_GT(unconfirmed, 5);  // L-2.22: a collision alone must not join
}

// L-2.23: a large bucket costs no square of its members; what is left out is a function of ranks alone
TEST(Duplicates, AreComparedWithTheFirstOfTheirBucketOnly) {
  int64_t fewer = 0;
  for (uint64_t seed = 1; seed <= 4; ++seed) {
    const TemporaryFolder folder;
    const std::vector<Texts> sources = random_sources(seed, 400);
    const std::vector<SignatureSource> files = sign(folder.path(), sources);
    DuplicateSettings settings = settings_in(folder.path());
    const Duplicates all = take(find_duplicates(files, settings));
    for (const int64_t most : {1, 2}) {
      settings.most_candidates = most;
      const Duplicates found = take(find_duplicates(files, settings));
      EXPECT_NE(found.report.fingerprint, all.report.fingerprint);
      const Reference reference(sources, found.report.bands, 0.85, most);
      for (size_t i = 0; i < reference.root.size(); ++i)
        ASSERT_EQ(found.survivors.kept(static_cast<int64_t>(i)), reference.root[i] == static_cast<int64_t>(i))
            << "seed " << seed << " document " << i << " of " << most;
      EXPECT_LE(found.report.compared, most * found.report.bands.bands * found.report.documents);
      fewer += all.report.compared - found.report.compared;
    }
    settings.most_candidates = 0;
    EXPECT_FALSE(find_duplicates(files, settings).ok());
  }
  EXPECT_GT(fewer, 0);
}

bool same(const Duplicates& a, const Duplicates& b) {
  bool equal = a.survivors == b.survivors && a.report.exact_pairs == b.report.exact_pairs &&
               a.report.near_pairs == b.report.near_pairs && a.report.clusters == b.report.clusters &&
               a.report.compared == b.report.compared && a.report.samples.size() == b.report.samples.size();
  for (size_t i = 0; equal && i < a.report.samples.size(); ++i) {
    const ClusterSample &x = a.report.samples[i], &y = b.report.samples[i];
    equal = x.documents == y.documents && x.members.size() == y.members.size();
    for (size_t m = 0; equal && m < x.members.size(); ++m)
      equal = x.members[m].source == y.members[m].source && x.members[m].document == y.members[m].document &&
              x.members[m].similarity == y.members[m].similarity && x.members[m].exact == y.members[m].exact;
  }
  return equal;
}

// L-2.23, L-2.24: threads, order of blocks, cuts into files, memory bound
TEST(TrapT6, DuplicatesDoNotDependOnTimingOrderOrMemory) {
  const TemporaryFolder folder;
  const std::vector<Texts> sources = random_sources(9, 6000);
  const Duplicates first = take(find_duplicates(sign(folder.path() / "a", sources), settings_in(folder.path())));
  EXPECT_GT(first.report.near, 500);
  EXPECT_FALSE(first.report.samples.empty());
  for (const Layout& layout :
       {Layout{16, 2}, Layout{7, 3}, Layout{64, 1, true}, Layout{5, 3, true}, Layout{16, 1, false, 3}}) {
    const std::vector<SignatureSource> signed_sources = sign(folder.path() / "b", sources, layout);
    for (const int64_t memory : {kMinDuplicateMemory, int64_t{1} << 20}) {
      const Duplicates other = take(find_duplicates(signed_sources, settings_in(folder.path(), memory)));
      EXPECT_TRUE(same(first, other)) << layout.threads << " threads, blocks of " << layout.block << ", " << memory;
      EXPECT_EQ(first.report.fingerprint == other.report.fingerprint, layout.files == 1);
    }
  }
}

// L-2.23, L-2.24: ranks share files, sorts and memory; what the main rank reports is what one process finds
TEST(TrapT6, DuplicatesDoNotDependOnTheNumberOfRanks) {
  const TemporaryFolder folder;
  const std::vector<Texts> sources = random_sources(9, 6000);
  const std::vector<SignatureSource> files = sign(folder.path() / "a", sources, {16, 1, false, 3});
  const Duplicates alone = take(find_duplicates(files, settings_in(folder.path())));
  EXPECT_GT(alone.report.near, 500);
  for (const int ranks : {1, 2, 4, 12})
    for (const int64_t memory : {kMinDuplicateMemory, int64_t{64} << 20})
      testing::ThreadRanks::run(ranks, [&](dist::Communicator& job) {
        const Duplicates found = take(find_duplicates(files, settings_in(folder.path(), memory), job));
        EXPECT_EQ(found.survivors, alone.survivors);
        EXPECT_EQ(found.report.fingerprint, alone.report.fingerprint);
        EXPECT_EQ(found.report.documents, 6000);
        if (job.is_main()) {
          EXPECT_TRUE(same(found, alone)) << ranks << " ranks";
          for (size_t s = 0; s < 3; ++s) {
            EXPECT_EQ(found.report.sources[s].documents, alone.report.sources[s].documents);
            EXPECT_EQ(found.report.sources[s].too_short, alone.report.sources[s].too_short);
            EXPECT_EQ(found.report.sources[s].near, alone.report.sources[s].near);
          }
        }
      });
  EXPECT_TRUE(fs::is_empty(folder.path() / "work"));
}

// L-2.23: a chain is one cluster though its ends are not similar; the first of the chain stays
TEST(Duplicates, ChainIsOneCluster) {
  const MinHasher hasher;
  Rng rng(3, "chain");
  Texts chain = {words(rng, 600)};
  for (int i = 0; i < 5; ++i) {
    std::vector<std::string> split = split_text(chain.back(), ' ');
    for (size_t at = 0; at < 6; ++at)
      split[static_cast<size_t>(i) * 100 + at * 16] = "link" + std::to_string(rng.below(1000000));
    std::string text;
    for (const std::string& word : split) text += word + " ";
    chain.push_back(text);
  }
  std::vector<uint32_t> front(128), back(128);
  hasher.sign(chain.front(), front);
  hasher.sign(chain.back(), back);
  ASSERT_LT(estimated_similarity(front, back), 0.85);
  const TemporaryFolder folder;
  const Texts reversed(chain.rbegin(), chain.rend());
  for (const Texts& texts : {chain, reversed}) {
    const Duplicates found = take(find_duplicates(sign(folder.path(), {texts}), settings_in(folder.path())));
    EXPECT_EQ(found.survivors.count(), 1);
    EXPECT_TRUE(found.survivors.kept(0));
    EXPECT_EQ(found.report.clusters, 1);
    ASSERT_EQ(found.report.samples.size(), 1u);
    EXPECT_EQ(found.report.samples[0].documents, 6);
    ASSERT_EQ(found.report.samples[0].members.size(), 5u);
    EXPECT_EQ(found.report.samples[0].members[1].document, 10u);
    EXPECT_EQ(found.report.samples[0].members[0].similarity, 1);
    EXPECT_LT(found.report.samples[0].members[1].similarity, 1);
  }
}

// L-2.27: no signature is not a signature that all short texts share
TEST(Duplicates, ShortTextsMatchExactlyOnly) {
  const TemporaryFolder folder;
  const std::vector<SignatureSource> sources = sign(folder.path(), {{"a b", "c d", "", "a b"}, {"c d", "e", ""}});
  const Duplicates found = take(find_duplicates(sources, settings_in(folder.path())));
  std::vector<bool> kept;
  for (int64_t i = 0; i < 7; ++i) kept.push_back(found.survivors.kept(i));
  EXPECT_EQ(kept, (std::vector<bool>{true, true, true, false, false, true, false}));
  EXPECT_EQ(found.report.near, 0);
  EXPECT_EQ(found.report.exact_pairs, (std::vector<int64_t>{1, 2, 0, 0}));
  EXPECT_EQ(found.report.sources[0].too_short, 4);
  EXPECT_EQ(found.report.sources[1].too_short, 3);
}

// Gives the documents of a file other exact hashes, with the checksum and the end that fit
// (docs/formats/signatures.md).
void set_exact_hashes(const fs::path& path, const std::vector<ExactHash>& hashes) {
  std::string bytes = take(read_file(path));
  constexpr size_t kEnd = 64, kRecord = 32 + 512;
  ASSERT_EQ(bytes.size(), 2 * kEnd + hashes.size() * kRecord);
  for (size_t i = 0; i < hashes.size(); ++i) {
    std::memcpy(&bytes[kEnd + i * kRecord + 8], &hashes[i].first, 8);
    std::memcpy(&bytes[kEnd + i * kRecord + 16], &hashes[i].second, 8);
  }
  const size_t trailer = bytes.size() - kEnd;
  uint64_t sum = 0;
  for (size_t at = kEnd; at < trailer; at += 8) {
    uint64_t word;
    std::memcpy(&word, &bytes[at], 8);
    sum = (sum ^ word) * 0x9e3779b97f4a7c15;
    sum ^= sum >> 32;
  }
  std::memcpy(&bytes[trailer + 16], &sum, 8);
  Sha256 sha;
  sha.update(bytes.substr(0, kEnd));
  sha.update(bytes.substr(trailer, 32));
  const auto digest = sha.digest();
  std::memcpy(&bytes[trailer + 32], digest.data(), digest.size());
  check(write_file_atomic(path, bytes));
}

// L-2.20: all 128 bits decide, also where the halves that are sorted collide
TEST(Duplicates, BothHalvesOfTheExactHashMustAgree) {
  const TemporaryFolder folder;
  Rng rng(6, "halves");
  const auto sources =
      sign(folder.path(), {{words(rng, 50), words(rng, 50), words(rng, 50), words(rng, 50), words(rng, 50)}});
  set_exact_hashes(sources[0].files[0], {{7, 1}, {7, 2}, {7, 1}, {8, 1}, {7, 2}});
  const Duplicates found = take(find_duplicates(sources, settings_in(folder.path())));
  std::vector<bool> kept;
  for (int64_t i = 0; i < 5; ++i) kept.push_back(found.survivors.kept(i));
  EXPECT_EQ(kept, (std::vector<bool>{true, true, false, true, false}));
  EXPECT_EQ(found.report.exact, 2);
  EXPECT_EQ(found.report.clusters, 2);
}

// L-2.20: exact means the same text, case and punctuation included; those that differ there are near
TEST(Duplicates, ExactAndNearAreToldApart) {
  const TemporaryFolder folder;
  const Duplicates found = take(find_duplicates(
      sign(folder.path(), {{"One two three four five."}, {"one two three four five", "One two three four five."}}),
      settings_in(folder.path())));
  EXPECT_EQ(found.report.exact, 1);
  EXPECT_EQ(found.report.near, 1);
  EXPECT_EQ(found.report.exact_pairs, (std::vector<int64_t>{0, 1, 0, 0}));
  EXPECT_EQ(found.report.near_pairs, (std::vector<int64_t>{0, 1, 0, 0}));
}

// L-2.22: a higher threshold keeps what a lower one removes
TEST(Duplicates, ThresholdDecides) {
  const TemporaryFolder folder;
  Rng rng(5, "threshold");
  const std::string text = words(rng, 400);
  const std::string other = edited(text, 0.02, rng);
  std::vector<uint32_t> a(128), b(128);
  MinHasher().sign(text, a);
  MinHasher().sign(other, b);
  ASSERT_NEAR(estimated_similarity(a, b), 0.88, 0.06);
  const auto sources = sign(folder.path(), {{text, other}});
  DuplicateSettings settings = settings_in(folder.path());
  settings.threshold = 0.7;
  const Duplicates loose = take(find_duplicates(sources, settings));
  settings.threshold = 0.98;
  const Duplicates strict = take(find_duplicates(sources, settings));
  EXPECT_EQ(loose.survivors.count(), 1);
  EXPECT_EQ(strict.survivors.count(), 2);
  EXPECT_NE(loose.report.bands.rows, strict.report.bands.rows);
  EXPECT_NE(loose.report.fingerprint, strict.report.fingerprint);
  EXPECT_EQ(take(duplicates_fingerprint(sources, settings)), strict.report.fingerprint);
}

TEST(Duplicates, EmptyInputsAndErrors) {
  const TemporaryFolder folder;
  EXPECT_EQ(take(find_duplicates({}, settings_in(folder.path()))).survivors.documents(), 0);
  EXPECT_EQ(take(find_duplicates(sign(folder.path(), {{}, {"a"}, {}}), settings_in(folder.path()))).survivors.count(),
            1);
  EXPECT_FALSE(find_duplicates({}, settings_in(folder.path(), kMinDuplicateMemory - 1)).ok());
  const std::vector<SignatureSource> missing = {{"x", {folder.path() / "missing.sig"}}};
  const auto found = find_duplicates(missing, settings_in(folder.path()));
  ASSERT_FALSE(found.ok());
  EXPECT_NE(found.error().to_string().find("missing.sig"), std::string::npos);
  // the files of a source in the wrong order
  auto sources = sign(folder.path(), {{"a", "b", "c", "d"}}, {16, 1, false, 2});
  std::swap(sources[0].files[0], sources[0].files[1]);
  EXPECT_FALSE(find_duplicates(sources, settings_in(folder.path())).ok());
}

// L-2.23: what an interrupted run left is taken up only when whole and of the same inputs
TEST(Survivors, AreSavedAndRefusedWhenTheyDoNotFit) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "kept";
  Survivors survivors(131);
  for (const int64_t rank : {0, 63, 64, 130}) survivors.keep(rank);
  EXPECT_EQ(survivors.count(), 4);
  const std::string fingerprint(64, 'a');
  check(survivors.save(path, fingerprint));
  EXPECT_TRUE(take(Survivors::load(path, fingerprint)) == survivors);
  EXPECT_FALSE(Survivors::load(path, std::string(64, 'b')).ok());
  const std::string whole = take(read_file(path));
  for (size_t left = 0; left < whole.size(); left += 7) {
    check(write_file_atomic(path, whole.substr(0, left)));
    EXPECT_FALSE(Survivors::load(path, fingerprint).ok()) << left;
  }
  for (size_t at = 0; at < whole.size(); ++at) {
    std::string changed = whole;
    changed[at] = static_cast<char>(changed[at] ^ 4);
    check(write_file_atomic(path, changed));
    EXPECT_FALSE(Survivors::load(path, fingerprint).ok()) << at;
  }
}

}  // namespace
}  // namespace lathe::corpus
