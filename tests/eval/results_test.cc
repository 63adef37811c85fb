// The summary of a checkpoint's evaluations, written by several verbs, at once or in turn.
#include "eval/results.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "tests/ref/testing.h"

namespace lathe::eval {
namespace {

Json about_of(int64_t step) { return Json(Json::Object{{"source", "base"}, {"tag", "d2"}, {"step", step}}); }

Status put(const fs::path& folder, const Json& about, const std::string& section, const std::string& name, double value) {
  const std::pair<std::string, Json> figure{name, Json(Json::Object{{"value", value}})};
  return update_summary(folder, about, section, {&figure, 1});
}

Json summary_of(const fs::path& folder) { return testing::take(read_json(folder / kSummaryFile)); }

// L-6.6
TEST(Summary, SectionsOfOneModelStandTogetherAndFiguresAreReplacedByName) {
  const TemporaryFolder folder;
  const fs::path results = folder.path() / "eval_results" / "d2" / "base";
  testing::check(put(results, about_of(7), "core", "CORE", 0.1));
  testing::check(put(results, about_of(7), "bpb", "train", 1.5));
  testing::check(put(results, about_of(7), "bpb", "val", 1.6));
  testing::check(put(results, about_of(7), "core", "CORE", 0.2));
  const Json summary = summary_of(results);
  EXPECT_EQ(summary.at("core").at("CORE").at("value").as_double(), 0.2);
  EXPECT_EQ(summary.at("bpb").at("train").at("value").as_double(), 1.5);
  EXPECT_EQ(summary.at("bpb").at("val").at("value").as_double(), 1.6);

  testing::check(put(results, about_of(8), "bpb", "val", 1.4));
  EXPECT_FALSE(summary_of(results).contains("core")) << "of another step";
  EXPECT_FALSE(summary_of(results).at("bpb").contains("train"));
}

TEST(Summary, EvaluationsAtOnceLoseNothingOfEachOther) {
  const TemporaryFolder folder;
  const fs::path results = folder.path() / "base";
  constexpr int kWriters = 6, kFigures = 15;
  std::vector<std::thread> writers;
  std::vector<int> failed(kWriters, 0);
  for (int w = 0; w < kWriters; ++w)
    writers.emplace_back([&, w] {
      for (int i = 0; i < kFigures; ++i) failed[static_cast<size_t>(w)] += !put(results, about_of(7), "section" + std::to_string(w), std::to_string(i), i).ok();
    });
  for (std::thread& writer : writers) writer.join();
  const Json summary = summary_of(results);
  for (int w = 0; w < kWriters; ++w) {
    EXPECT_EQ(failed[static_cast<size_t>(w)], 0);
    EXPECT_EQ(summary.at("section" + std::to_string(w)).size(), static_cast<size_t>(kFigures));
  }
  EXPECT_FALSE(fs::exists(folder.path() / "base.lock"));
}

TEST(Summary, ADamagedOneIsSetAsideAndNotLost) {
  const TemporaryFolder folder;
  for (const char* text : {"", "{\"about\": {\"st", "[1, 2]", "\xff\xfe"}) {
    testing::check(write_file_atomic(folder.path() / kSummaryFile, text));
    testing::check(put(folder.path(), about_of(7), "bpb", "val", 1.4));
    EXPECT_EQ(summary_of(folder.path()).at("bpb").at("val").at("value").as_double(), 1.4);
    EXPECT_EQ(testing::take(read_file(folder.path() / "summary.damaged.json")), text);
  }
}

TEST(Summary, OneThatCannotBeReadIsAnErrorAndNotReplaced) {
  const TemporaryFolder folder;
  fs::create_directory(folder.path() / kSummaryFile);
  EXPECT_FALSE(put(folder.path(), about_of(7), "bpb", "val", 1.4).ok());
  EXPECT_TRUE(fs::is_directory(folder.path() / kSummaryFile));
}

}  // namespace
}  // namespace lathe::eval
