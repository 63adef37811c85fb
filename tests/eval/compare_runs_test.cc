#include "eval/compare_runs.h"

#include "eval/model_card.h"
#include "tests/ref/testing.h"

namespace lathe::testing {
namespace {

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

Json report_of(double accuracy, double low, double high, const std::string& rate, const std::string& curve) {
  return take(parse_json(format_text(R"({"summary": {"sums": {"sft": %f}},
    "evaluations": {"sft": {"tasks": {"sums": {"title": "sums", "accuracy": %f, "low": %f, "high": %f, "n": 100}, "code": {"not_run": "no sandbox"}}}},
    "curves": {"base": {"series": {"train/loss": %s, "val/bpb": [[0, 3.0], [10, 2.0]]}, "settings": {"matrix_lr": %s, "depth": 4, "tag": "%s"},
    "performance": {"tok_per_sec": 1000}}}})", accuracy, accuracy, low, high, curve.c_str(), rate.c_str(), rate.c_str())));
}

TEST(CompareRuns, ShowsDifferencesScoresAndSettingsThatDiffer) {
  const std::vector<eval::ComparedRun> runs = {{"a", report_of(0.5, 0.4, 0.6, "0.02", "[[0, 5], [10, 4]]")}, {"b", report_of(0.9, 0.8, 0.95, "0.04", "[[0, 5], [10, 3]]")}};
  const eval::RunComparison made = eval::compare_runs(runs, "now");
  EXPECT_TRUE(has(made.markdown, "| sft | sums | 0.5 | 0.9 | +0.4 |")) << made.markdown;
  EXPECT_TRUE(has(made.markdown, "50.0 % (40.0 - 60.0 %) | 90.0 % (80.0 - 95.0 %) | +40.0 **apart** |")) << made.markdown;
  EXPECT_TRUE(has(made.markdown, "not run: no sandbox"));
  EXPECT_TRUE(has(made.markdown, "| base | matrix_lr | 0.02 | 0.04 |"));
  EXPECT_FALSE(has(made.markdown, "| base | depth")) << "settings that are equal say nothing";
  EXPECT_FALSE(has(made.markdown, "| base | tag")) << "nor do names";
  EXPECT_TRUE(has(made.html, "Training loss, base") && has(made.html, "Validation, base") && has(made.html, "class=\"s1\"")) << "both curves in one picture";
  EXPECT_EQ(made.json.at("settings").size(), 1u);
  EXPECT_NEAR(made.json.at("metrics").at(size_t{0}).at("differences").at(size_t{1}).as_double(), 0.4, 1e-12);
  EXPECT_THROW(eval::compare_runs({runs[0]}, "now"), std::invalid_argument);
}

TEST(CompareRuns, ARunThatHasNothingGetsAnEmptyColumn) {
  const std::vector<eval::ComparedRun> runs = {{"a", report_of(0.5, 0.4, 0.6, "0.02", "[[0, 5]]")}, {"b", Json::object()}};
  const eval::RunComparison made = eval::compare_runs(runs, "now");
  EXPECT_TRUE(has(made.markdown, "| sft | sums | 0.5 | - |  |")) << made.markdown;
  EXPECT_TRUE(has(made.markdown, "## Settings that differ\n\nNone."));
}

TEST(ModelCard, HasTheHeadOfTheHubAndSaysWhatWasNotDone) {
  eval::ModelCard card;
  card.name = "d4-sft";
  card.source = "sft";
  card.parameters = 3342536;
  card.weights_file = "model.safetensors";
  card.weights_sha256 = std::string(64, 'a');
  const std::string empty = eval::model_card(card);
  EXPECT_TRUE(empty.starts_with("---\nlicense: other\n")) << empty;
  EXPECT_TRUE(has(empty, "Not run on these weights.") && has(empty, "Not recorded"));
  EXPECT_FALSE(has(empty, "model-index"));
  card.data = {{"web", "ODC-BY"}, {"more \"web\"", "ODC-BY"}};
  card.evaluations = take(parse_json(R"({"tasks": {"sums": {"title": "sums: by hand", "accuracy": 0.61, "low": 0.5, "high": 0.7, "n": 100, "random_baseline": 0.6,
    "verdict": "not distinguishable from chance"}, "code": {"not_run": "no sandbox"}}})"));
  const std::string text = eval::model_card(card);
  EXPECT_TRUE(has(text, "license: \"odc-by\"\n"));
  EXPECT_TRUE(has(text, "- \"more \\\"web\\\"\"\n")) << "names are quoted for YAML";
  EXPECT_TRUE(has(text, "      name: \"sums: by hand\"\n      type: \"sums\"\n    metrics:\n    - type: \"accuracy\"\n      value: 0.61\n")) << text;
  EXPECT_FALSE(has(text.substr(0, text.find("---\n\n")), "no sandbox")) << "what was not run is no result";
  EXPECT_TRUE(has(text, "not run: no sandbox"));
  EXPECT_TRUE(has(text, "- Not distinguishable from chance on sums: by hand."));
  card.data.push_back({"books", "CC-BY-SA"});
  EXPECT_TRUE(eval::model_card(card).starts_with("---\nlicense: other\n")) << "two licences are not one";
}

}  // namespace
}  // namespace lathe::testing
