// Prints how fast duplicates are found and n-grams looked up; speeds are printed, never asserted.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

#include "corpus/decontaminate.h"
#include "corpus/duplicates.h"
#include "corpus/signature_file.h"
#include "corpus/words.h"
#include "data/document_file.h"
#include "tests/ref/testing.h"

namespace lathe::corpus {
namespace {

using testing::check;
using testing::take;

// Pieces of about 4 KiB, the length of a document of the web.
std::vector<std::string> pieces_of(const fs::path& folder) {
  std::vector<std::string> pieces, texts;
  for (const char* name : {"novels.jsonl.zst", "openstax.jsonl.zst", "brown.jsonl.zst", "webtext.jsonl.zst"}) {
    const auto file = take(data::open_document_file(folder / name));
    for (int64_t group = 0; take(file->read_group(group, texts)); ++group)
      for (const std::string& text : texts)
        for (size_t at = 0; at < text.size(); at += 4096) pieces.push_back(text.substr(at, 4096));
  }
  return pieces;
}

template <class Work>
void print_rate(const char* what, int64_t bytes, Work&& work) {
  double best = 1e9;
  for (int turn = 0; turn < 3; ++turn) {
    const auto start = std::chrono::steady_clock::now();
    work();
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  std::printf("%-44s %8.1f MB/s\n", what, static_cast<double>(bytes) / 1e6 / best);
}

void sign_all(const std::vector<std::string>& pieces, const fs::path& path, int threads) {
  const MinHasher hasher;
  constexpr size_t kBlock = 64;
  SignatureWriter writer = take(SignatureWriter::open(path, hasher.settings()));
  std::atomic<size_t> next = 0;
  std::vector<std::thread> workers;
  for (int i = 0; i < threads; ++i)
    workers.emplace_back([&] {
      for (size_t number = next++; number * kBlock < pieces.size(); number = next++) {
        SignatureBlock block(hasher);
        for (size_t i = number * kBlock; i < std::min(pieces.size(), (number + 1) * kBlock); ++i)
          block.add(i, pieces[i]);
        check(writer.write_block(static_cast<int64_t>(number), std::move(block)));
      }
    });
  for (std::thread& worker : workers) worker.join();
  EXPECT_EQ(take(writer.commit()), std::ssize(pieces));
}

TEST(Throughput, OfRealText) {
  const fs::path folder = testing::real_data("text");
  LATHE_NEEDS(folder);
  const std::vector<std::string> pieces = pieces_of(folder);
  int64_t bytes = 0, words = 0, shingles = 0, matches = 0;
  uint64_t sum = 0;
  for (const std::string& piece : pieces) bytes += std::ssize(piece);
  std::printf("%zu documents, %.1f MB\n", pieces.size(), static_cast<double>(bytes) / 1e6);
  print_rate("words and their hashes, 1 thread", bytes, [&] {
    words = 0;
    for (const std::string& piece : pieces) for_each_word(piece, [&](const Word& word) { ++words, sum += word.hash; });
  });
  const MinHasher hasher;
  std::vector<uint32_t> signature(128);
  print_rate("MinHash, 128 permutations, 1 thread", bytes, [&] {
    shingles = 0;
    for (const std::string& piece : pieces) shingles += hasher.sign(piece, signature);
  });
  print_rate("exact hash, 1 thread", bytes, [&] {
    for (const std::string& piece : pieces) sum += exact_hash(piece).first;
  });
  const TemporaryFolder scratch;
  const fs::path path = scratch.path() / "a.sig";
  print_rate("exact + MinHash into the file, 1 thread", bytes, [&] { sign_all(pieces, path, 1); });
  print_rate("exact + MinHash into the file, 2 threads", bytes, [&] { sign_all(pieces, path, 2); });
  DuplicateSettings settings;
  settings.folder = scratch.path();
  const std::vector<SignatureSource> sources = {{"all", {path}}};
  print_rate("search of duplicates, in memory", bytes, [&] { take(find_duplicates(sources, settings)); });
  settings.memory_bytes = 1 << 20;
  print_rate("search of duplicates, memory 1 MiB", bytes, [&] { take(find_duplicates(sources, settings)); });
  NgramSet::Builder builder("every tenth document");
  for (size_t i = 0; i < pieces.size(); i += 10) builder.add(pieces[i]);
  const Decontaminator sets({std::move(builder).finish()});
  print_rate("look-up of 13-grams, 1 thread", bytes, [&] {
    matches = 0;
    for (const std::string& piece : pieces) matches += !sets.find(piece).empty();
  });
  std::printf("%.2f bytes a word, %lld shingles, checksum %llx\n",
              static_cast<double>(bytes) / static_cast<double>(words), static_cast<long long>(shingles),
              static_cast<unsigned long long>(sum));
  EXPECT_GT(words, shingles);
  EXPECT_GE(matches, sets.sets()[0].texts - sets.sets()[0].short_texts);
}

}  // namespace
}  // namespace lathe::corpus
