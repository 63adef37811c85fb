// Cleaning and rules on real texts; prints their speed, which is a figure to look at and never a verdict.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>

#include "core/text.h"
#include "corpus/clean.h"
#include "corpus/quality.h"
#include "data/document_file.h"
#include "tests/ref/testing.h"

namespace lathe::corpus {
namespace {

using lathe::testing::take;

std::vector<std::string> documents_of(const fs::path& file) {
  auto reader = take(data::open_document_file(file));
  std::vector<std::string> all, group;
  for (int64_t i = 0; take(reader->read_group(i, group)); ++i) all.insert(all.end(), group.begin(), group.end());
  return all;
}

std::vector<fs::path> files_of(const fs::path& folder) {
  return take(list_files(folder, data::document_endings(), false));
}

// L-2.14
TEST(RealText, CleaningIsIdempotentOnEveryFile) {
  const fs::path folder = lathe::testing::real_data("text");
  LATHE_NEEDS(folder);
  std::vector<fs::path> files = files_of(folder);
  for (const char* name : {"udhr2.jsonl.zst", "blns.txt", "emoji-test.txt"})
    files.push_back(lathe::testing::real_data("multilingual") / name);
  CleanScratch scratch;
  CleanCounts counts, again;
  for (const fs::path& file : files) {
    if (fs::file_size(file) > 3'000'000) continue;
    SCOPED_TRACE(file.filename());
    for (const std::string& text : documents_of(file)) {
      const Cleaned cleaned = clean(text, {}, scratch, counts);
      ASSERT_FALSE(cleaned.dropped);
      const std::string once(cleaned.text);
      ASSERT_EQ(clean(once, {}, scratch, again).text, once);
    }
  }
  EXPECT_GT(counts.documents, 1000);
  EXPECT_EQ(again.changed, 0);
}

// L-2.18
TEST(RealText, TheRulesKeepMostOfAGoodWebSample) {
  const fs::path file = lathe::testing::real_data("text") / "c4_demo.jsonl.zst";
  LATHE_NEEDS(file);
  QualitySettings settings;
  settings.presets = {"basic", "fineweb"};
  const QualityFilter filter = take(QualityFilter::make(settings));
  QualityScratch scratch;
  QualityCounts counts;
  CleanScratch clean_scratch;
  CleanCounts clean_counts;
  for (const std::string& text : documents_of(file))
    filter.check(clean(text, {}, clean_scratch, clean_counts).text, scratch, counts);
  EXPECT_GT(counts.kept * 10, counts.seen * 8);
  EXPECT_LT(counts.kept, counts.seen);
}

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

TEST(Measurement, ThroughputOfCleaningAndRulesOnOneCore) {
  const fs::path folder = lathe::testing::real_data("text");
  LATHE_NEEDS(folder);
  QualitySettings settings;
  settings.presets = {"basic", "fineweb"};
  const QualityFilter filter = take(QualityFilter::make(settings));
  for (const fs::path& file : files_of(folder)) {
    const std::vector<std::string> texts = documents_of(file);
    std::vector<std::string> cleaned;
    CleanScratch clean_scratch;
    CleanCounts clean_counts;
    auto begin = std::chrono::steady_clock::now();
    for (const std::string& text : texts) clean(text, {}, clean_scratch, clean_counts);
    const double clean_seconds = seconds_since(begin);
    for (const std::string& text : texts) cleaned.emplace_back(clean(text, {}, clean_scratch, clean_counts).text);
    QualityScratch scratch;
    TextStatistics statistics;
    int64_t sum = 0;
    begin = std::chrono::steady_clock::now();
    for (const std::string& text : cleaned) measure_text(text, scratch.words, statistics), sum += statistics.words;
    const double text_seconds = seconds_since(begin);
    begin = std::chrono::steady_clock::now();
    for (const std::string& text : cleaned) sum += measure(text, scratch.words).words;
    const double all_seconds = seconds_since(begin);
    QualityCounts counts;
    begin = std::chrono::steady_clock::now();
    for (const std::string& text : cleaned) filter.check(text, scratch, counts);
    const double rule_seconds = seconds_since(begin);
    const double megabytes = static_cast<double>(clean_counts.bytes_in) / 2e6;
    std::printf(
        "%-28s %6.1f MB  clean %5.0f  statistics %5.0f  with n-grams %5.0f  all rules %5.0f MB/s  kept %lld of %lld  "
        "changed %lld\n",
        file.filename().c_str(), megabytes, megabytes / clean_seconds, megabytes / text_seconds,
        megabytes / all_seconds, megabytes / rule_seconds, static_cast<long long>(counts.kept),
        static_cast<long long>(counts.seen), static_cast<long long>(clean_counts.changed / 2));
    std::printf("%28s %s\n", "", clean_counts.to_json().dump().c_str());
    EXPECT_GT(sum, 0);
  }
}

}  // namespace
}  // namespace lathe::corpus
