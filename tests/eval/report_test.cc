#include "eval/report.h"

#include <algorithm>
#include <cctype>

#include "eval/report_section.h"
#include "tests/ref/testing.h"

namespace lathe::testing {
namespace {

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

class Report : public ::testing::Test {
 protected:
  const std::filesystem::path& base() const { return folder_.path(); }
  // As the verbs leave it behind.
  void section(const std::string& title, Json::Array items, const std::string& time = "2026-01-01 10:00:00") {
    std::string slug = title, text = "## " + title + "\ntimestamp: " + time + "\n\n";
    for (char& c : slug) c = c == ' ' ? '-' : static_cast<char>(std::tolower(c));
    for (const Json& item : items) text += item.is_string() ? item.as_string() + "\n" : "";
    check(write_file_atomic(base() / "report" / (slug + ".md"), text));
    check(write_json_atomic(base() / "report" / (slug + ".json"), Json(Json::Object{{"section", title}, {"items", std::move(items)}})));
  }
  void header(const std::string& start = "2026-01-01 09:00:00") {
    check(eval::reset_report(base(), "# lathe report\n\n### Size of the sources\n- Files: 7\n\nRun started: " + start + "\n\n---\n\n"));
  }
  void scores(const std::string& source, const std::string& text) {
    check(write_file_atomic(base() / "eval_results" / "d4" / source / "summary.json", text));
  }
  eval::Report make(const std::string& tag = "d4") { return take(eval::make_report(base(), tag, "2026-01-02 00:00:00")); }
  TemporaryFolder folder_;
};

constexpr const char* kSums = R"({"about": {}, "tasks": {"sums": {"title": "sums through the calculator", "n": 500, "correct": 470,
  "accuracy": 0.94, "low": 0.916, "high": 0.957, "majority_baseline": 0.01, "random_baseline": 0.0, "verdict": "better than chance"}}})";

// C-13.9, C-13.11
TEST_F(Report, JoinsHeaderSectionsAndSummaryInOrder) {
  header();
  section("SFT", {"sft text"});
  section("Tokenizer training", {"tokenizer text"});
  section("Own section", {"own text"});
  const std::string text = make().markdown;
  const std::vector<std::string> order = {"# lathe report", "Run started:", "---", "## Tokenizer training", "tokenizer text", "## SFT",
                                          "sft text", "## Own section", "## Summary", "### Size of the sources", "Total wall clock time:"};
  size_t at = 0;
  for (const std::string& part : order) {
    at = text.find(part, at);
    ASSERT_NE(at, std::string::npos) << part << " is not in its place in\n" << text;
  }
}

// C-13.9
TEST_F(Report, EveryStageHasItsPlace) {
  header();
  for (const char* title : {"Chat evaluation rl", "Chat RL", "Chat DPO", "Chat evaluation dpo", "SFT", "Chat evaluation mid", "Midtraining", "Chat evaluation base", "Base model training"})
    section(title, {"x"});
  scores("dpo", kSums);
  const std::string text = make().markdown;
  const std::vector<std::string> order = {"## Base model training", "## Chat evaluation base", "## Midtraining",         "## Chat evaluation mid", "## SFT",
                                          "## Chat DPO",            "## Chat evaluation dpo", "## Chat RL",             "## Chat evaluation rl"};
  size_t at = 0;
  for (const std::string& part : order) {
    at = text.find(part, at);
    ASSERT_NE(at, std::string::npos) << part << " is not in its place in\n" << text;
  }
  EXPECT_TRUE(has(text, "| Metric          | BASE     | SFT      | DPO      | RL       |\n")) << text;
  header();
  EXPECT_FALSE(has(make().markdown, "Midtraining")) << "a new run begins without the old one's";
}

// C-13.11, C-13.12
TEST_F(Report, SummaryHasAColumnForEveryStage) {
  header();
  section("Base model evaluation", {Json(Json::Object{{"CORE metric", 0.21}, {"CORE", "text"}, {"val bpb", 0.9}})});
  section("Chat evaluation sft", {Json(Json::Object{{"GSM8K", 0.25}, {"MMLU", 0.5}, {"ChatCORE metric", 0.3}, {"ARC-Easy", 0.4}, {"MMLU again", 0.6}})});
  section("Chat evaluation rl", {Json(Json::Object{{"GSM8K", 0.35}, {"MMLU", 0.9}})});
  const std::string text = make().markdown;
  EXPECT_TRUE(has(text,
                  "| Metric          | BASE     | SFT      | RL       |\n"
                  "|-----------------|----------|----------|----------|\n"
                  "| CORE            | 0.2100   | -        | -        |\n"
                  "| ARC-Easy        | -        | 0.4000   | -        |\n"
                  "| GSM8K           | -        | 0.2500   | 0.3500   |\n"
                  "| MMLU            | -        | 0.6000   | -        |\n"
                  "| val bpb         | 0.9000   | -        | -        |\n"
                  "| ChatCORE        | -        | 0.3000   | -        |\n"))
      << text;
}

TEST_F(Report, ScoresOfTheTasksStandWithIntervalAndChance) {
  scores("sft", kSums);
  const eval::Report report = make();
  EXPECT_TRUE(has(report.markdown, "| sums            | -        | 0.9400   | -        |")) << report.markdown;
  EXPECT_TRUE(has(report.markdown, "| sums through the calculator | 94.0 % | 91.6 - 95.7 % | 1.0 % | 500 | better than chance |"));
  EXPECT_TRUE(has(report.html, "<svg") && has(report.html, "class=\"mark\"")) << "a bar with its interval";
  EXPECT_EQ(report.json.at("tasks").at("sft").at("sums").at("n").as_int(), 500);
  EXPECT_EQ(report.json.at("summary").at("sums").at("sft").as_double(), 0.94);
  EXPECT_FALSE(has(make("other").markdown, "sums")) << "scores belong to a tag";
}

// C-13.13
TEST_F(Report, WallClockEndsWithTheLastSectionBeforeReinforcement) {
  header("2026-01-01 09:00:00");
  section("SFT", {"x"}, "2026-01-01 11:05:59");
  section("Base model training", {"x"}, "2026-01-01 10:00:00");
  section("Chat RL", {"x"}, "2026-01-01 20:00:00");
  section("Chat evaluation rl", {"x"}, "2026-01-01 21:00:00");
  EXPECT_TRUE(has(make().markdown, "Total wall clock time: 2h5m\n"));
  EXPECT_EQ(make().json.at("wall_clock").as_string(), "2h5m");
  header("2027-01-01 00:00:00");
  EXPECT_TRUE(has(make().markdown, "Total wall clock time: unknown\n"));
}

// C-13.20, C-13.10
TEST_F(Report, NamesWhatIsMissingAndGoesOn) {
  section("SFT", {"sft text"});
  const eval::Report report = make();
  std::string warnings;
  for (const std::string& warning : report.warnings) warnings += warning + "\n";
  EXPECT_TRUE(has(warnings, "report reset")) << warnings;
  EXPECT_TRUE(has(warnings, "tokenizer-training is missing")) << warnings;
  EXPECT_FALSE(has(warnings, "section sft"));
  EXPECT_FALSE(has(warnings, "midtraining")) << "many runs go without it";
  const auto expected = static_cast<size_t>(std::count_if(eval::known_sections().begin(), eval::known_sections().end(), [](const auto& s) { return s.expected; }));
  EXPECT_EQ(report.warnings.size(), expected);
  EXPECT_TRUE(has(report.markdown, "sft text"));
  EXPECT_TRUE(has(report.markdown, "[facts of the run are missing: no header]"));
  EXPECT_TRUE(has(report.markdown, "Total wall clock time: unknown\n"));
  EXPECT_EQ(report.json.at("missing").size(), expected - 1);
}

// C-13.4
TEST_F(Report, ResetDeletesTheFormerRun) {
  section("SFT", {"old text"});
  section("Own section", {"kept"});
  check(eval::write_report(base(), make()));
  ASSERT_TRUE(std::filesystem::exists(base() / "report" / "report.md"));
  header();
  for (const char* gone : {"sft.md", "sft.json", "report.md", "report.html", "report.json"})
    EXPECT_FALSE(std::filesystem::exists(base() / "report" / gone)) << gone;
  EXPECT_TRUE(std::filesystem::exists(base() / "report" / "own-section.md"));
  EXPECT_TRUE(make().markdown.starts_with("# lathe report\n"));
}

TEST_F(Report, CurvesComeFromTheMetricsOfTheRuns) {
  check(write_file_atomic(base() / "base_checkpoints" / "d4" / "metrics.jsonl",
                          "{\"settings\": {}}\n{\"step\": 0, \"val/bpb\": 3.5}\n{\"step\": 10, \"train/loss\": 5.0}\n"
                          "{\"step\": 20, \"train/loss\": 4.0, \"val/bpb\": 2.5}\n{\"step\": 30, \"train/lo"));
  check(write_file_atomic(base() / "chatsft_checkpoints" / "d4" / "metrics.jsonl", "{\"step\": 1, \"train/loss\": 1.5}\n"));
  const eval::Report report = make();
  EXPECT_EQ(report.json.at("curves").at("base").at("loss").dump(), take(parse_json("[[10.0, 5.0], [20.0, 4.0]]")).dump());
  EXPECT_EQ(report.json.at("curves").at("base").at("val_bpb").size(), 2u);
  EXPECT_EQ(report.json.at("curves").at("sft").at("loss").size(), 1u);
  EXPECT_TRUE(has(report.html, "Training loss, base") && has(report.html, "Training loss, sft") && has(report.html, "Bits per byte on the validation split"));
}

// As `lathe corpus` leaves it behind.
TEST_F(Report, ACorpusHasAFunnelAndTheLicencesOfItsSources) {
  EXPECT_TRUE(has(make().html, "Data funnel: the run was not made from a corpus"));
  Manifest manifest;
  manifest.kind = "corpus";
  manifest.settings = take(parse_json(R"({"sources": [{"name": "letters", "licence": "cc-by-4.0"}, {"name": "papers", "licence": ""}]})"));
  manifest.config_sha256 = config_hash(manifest.settings);
  manifest.details["sources"] = take(parse_json(R"([
    {"name": "letters", "read": {"documents": 1000}, "cleaned": {"documents": 900}, "unique": {"documents": 800},
     "filters": [{"filter": "language", "removed": 0, "kept": 800}, {"filter": "length", "removed": 200, "kept": 600}], "documents": 500, "characters": 70000, "estimated_tokens": 20000},
    {"name": "papers", "read": {"documents": 10}, "documents": 10, "characters": 9000, "estimated_tokens": 2000}])"));
  check(make_folders(base() / "base_data"));
  check(write_manifest(base() / "base_data", manifest));
  const std::string html = make().html;
  EXPECT_FALSE(has(html, "Data funnel: the run was not made from a corpus"));
  size_t at = html.find("aria-label=\"Documents of letters that are left");
  ASSERT_NE(at, std::string::npos) << html;
  const size_t end = html.find("</svg>", at);
  for (const char* part : {"read", "100.0 %", "cleaned", "90.0 %", "without repeats", "80.0 %", "after length", "60.0 %", "in the corpus", "50.0 %"}) {
    at = html.find(part, at);
    ASSERT_LT(at, end) << part;
  }
  EXPECT_FALSE(has(html, "after language")) << "it removed nothing";
  EXPECT_TRUE(has(html, "aria-label=\"Documents of papers that are left"));
  EXPECT_TRUE(has(html, "cc-by-4.0") && has(html, "20,000"));
}

TEST_F(Report, DamagedScoresAreNamed) {
  scores("sft", "{\"tasks\": [1]}");
  const auto result = eval::make_report(base(), "d4", "now");
  ASSERT_FALSE(result.ok());
  EXPECT_TRUE(has(result.error().to_string(), "summary.json"));
}

TEST_F(Report, TextOfASectionCannotBecomeMarkup) {
  section("SFT", {"<script>alert(1)</script>\n"});
  EXPECT_FALSE(has(make().html, "<script"));
  EXPECT_TRUE(has(make().html, "&lt;script&gt;"));
}

}  // namespace
}  // namespace lathe::testing
