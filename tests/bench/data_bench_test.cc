// What `lathe bench data` measures on, and what it reports.
#include "bench/data_bench.h"

#include <cmath>
#include <map>
#include <set>

#include "bench/sentence_mix.h"
#include "core/parallel.h"
#include "tests/ref/testing.h"

namespace lathe::bench {
namespace {

using lathe::testing::take;

TEST(SentenceMix, RoundsHoldEverySentenceInAnotherOrder) {
  std::string text;
  for (int i = 0; i < 500; ++i) text += "This is sentence number " + std::to_string(i) + (i % 7 == 0 ? ".\n" : ". ");
  SentenceMix mix(text, 1), same(text, 1), other(text, 2);
  EXPECT_EQ(mix.sentences(), 500);
  std::vector<std::string> rounds;
  std::set<std::string> documents;
  std::string document, copy, different;
  bool differs = false;
  while (mix.round() < 3) {
    rounds.resize(static_cast<size_t>(mix.round()) + 1);
    mix.next(document);
    rounds.back() += document;
    EXPECT_TRUE(documents.insert(document).second);
    EXPECT_LT(document.size(), static_cast<size_t>(kDocumentBytes) + 2000);
    same.next(copy), other.next(different);
    EXPECT_EQ(copy, document);
    differs |= different != document;
  }
  ASSERT_EQ(rounds.size(), 3u);
  EXPECT_EQ(rounds[0], text);
  EXPECT_TRUE(differs);
  for (const std::string& round : rounds) EXPECT_EQ(round.size(), text.size());
}

TEST(SentenceMix, CutsWithoutEndsOfSentencesBetweenCharacters) {
  std::string text = "x";
  for (int i = 0; i < 4000; ++i) text += "\u00e9";
  SentenceMix mix(text, 1);
  EXPECT_GT(mix.sentences(), 5);
  std::string document;
  for (int i = 0; i < 10; ++i) {
    mix.next(document);
    EXPECT_LT(first_invalid_utf8(document), 0);
  }
}

TEST(DataBench, ReportsRatesLimitsAndTheSameCountsWithAnyNumberOfThreads) {
  DataBenchOptions options;
  options.bytes = 2'000'000;
  std::map<std::string, int64_t> counts[2];
  for (const int threads : {1, 3}) {
    set_num_threads(threads);
    const Json figures = take(bench_data(options));
    EXPECT_EQ(figures.at("threads").as_int(), threads);
    for (const char* key : {"clean_mb_per_s", "dedup_mb_per_s", "pack_mb_per_s", "peak_rss_mb"}) EXPECT_GT(figures.at(key).as_double(), 0) << key;
    for (const char* kind : {"clean", "dedup"}) {
      double sum = 0;
      for (const auto& [step, share] : figures.at(std::string(kind) + "_steps").as_object()) sum += share.as_double();
      EXPECT_NEAR(sum, 1, 1e-9);
      EXPECT_GE(figures.at(std::string(kind) + "_limit").at("mb_per_s").as_double(),
                figures.at(std::string(kind) + "_mb_per_s").as_double());
    }
    for (const char* key : {"bytes", "documents", "near", "exact"})
      counts[threads > 1][key] = figures.at(key).as_int();
    counts[threads > 1]["kept"] = std::lround(1e9 * figures.at("kept").as_double());
  }
  set_num_threads(2);
  EXPECT_EQ(counts[0], counts[1]);
  EXPECT_GE(counts[0]["bytes"], options.bytes);
  EXPECT_LT(counts[0]["bytes"], options.bytes + 2 * kDocumentBytes);
  EXPECT_GT(counts[0]["kept"], 500'000'000);  // made text passes the rules
  EXPECT_EQ(counts[0]["near"] + counts[0]["exact"], 0);
}

TEST(DataBench, NamesTextThatIsMissing) {
  DataBenchOptions options;
  options.text = "/nowhere/at/all";
  const Result<Json> figures = bench_data(options);
  ASSERT_FALSE(figures.ok());
  EXPECT_NE(figures.error().to_string().find("/nowhere/at/all"), std::string::npos);
}

}  // namespace
}  // namespace lathe::bench
