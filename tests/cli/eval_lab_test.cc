// lathe eval lab on a model of the base folder: where results go, what is refused. The lab's own programs: tests/scripts/lab_eval_test.sh.
#include <gtest/gtest.h>

#include "real_verbs.h"
#include "tests/train/tiny_run.h"

namespace lathe::cli {
namespace {

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

class EvalLab : public ::testing::Test {
 protected:
  EvalLab() : tokenizer_(testing::tiny_tokenizer({"the ", "and "})) {
    testing::check(tokenizer_.save(base() / "tokenizer"));
    std::string text, questions;
    for (int i = 0; i < 40; ++i) text += "the cat and the dog number " + std::to_string(i) + ".\n";
    for (int i = 0; i < 12; ++i)
      questions += "{\"passage\": \"the " + std::to_string(i) + " cats\", \"question\": \"are they cats\", \"answer\": " + (i % 4 == 0 ? "false" : "true") + "}\n";
    testing::check(write_file_atomic(base() / "wikitext-2-raw/wiki.test.raw", text));
    testing::check(write_file_atomic(base() / "eval_bundle/eval_data/reading_comprehension/boolq.jsonl", questions));
  }
  const fs::path& base() const { return folder_.path(); }
  Outcome lathe(std::vector<std::string> words) {
    words.insert(words.end(), {"--base-dir", base().string(), "--dtype", "fp32", "--json", "--quiet", "--max-new-tokens", "8"});
    return run_lathe(std::move(words));
  }
  TemporaryFolder folder_;
  tokenizer::Tokenizer tokenizer_;
};

// L-6.1, L-6.6, L-6.7: data are found below the base folder; results stand with the others of the model.
TEST_F(EvalLab, ResultsOfABaseFoldersModelStandWithItsOthers) {
  testing::save_tiny(base(), "base", "d2", 7, tokenizer_);
  const Outcome result = lathe({"eval", "lab", "--source", "base", "--tag", "d2"});
  ASSERT_EQ(result.exit, Exit::kDone) << result.err;
  const Json figures = result.figures();
  EXPECT_EQ(figures.at("stage").as_string(), "pretrain");
  const Json& metrics = figures.at("metrics");
  EXPECT_GT(metrics.at("perplexity").at("value").as_double(), 1);
  EXPECT_EQ(metrics.at("perplexity").at("form").as_string(), "another text");
  EXPECT_EQ(metrics.at("boolq").at("n").as_int(), 12);
  EXPECT_DOUBLE_EQ(metrics.at("boolq").at("majority_baseline").as_double(), 0.75);
  EXPECT_TRUE(metrics.at("validation").contains("not_run"));
  EXPECT_FALSE(metrics.contains("smoke_tests"));
  const fs::path folder = base() / "eval_results/d2/base";
  const Json summary = testing::take(read_json(folder / "summary.json"));
  EXPECT_EQ(summary.at("perplexity").at("wikitext2").at("value"), metrics.at("perplexity").at("value"));
  EXPECT_EQ(summary.at("boolq").at("boolq").at("accuracy"), metrics.at("boolq").at("accuracy"));
  EXPECT_EQ(testing::read_jsonl(folder / summary.at("boolq").at("boolq").at("answers").as_string()).size(), 12u);
  for (const char* section : {"perplexity", "boolq", "validation", "generation"})  // nothing but figures
    for (const auto& [name, figure] : summary.at(section).as_object())
      EXPECT_TRUE(figure.contains("value") || figure.contains("accuracy") || figure.contains("not_run")) << section << " " << name;
  EXPECT_GT(summary.at("generation").size(), 8u);
  EXPECT_TRUE(fs::exists(folder / "lab/results.json"));
  EXPECT_TRUE(fs::exists(folder / "lab/manifest.json"));

  EXPECT_TRUE(lathe({"eval", "lab", "--source", "base", "--tag", "d2"}).figures().at("already_done").as_bool());
  const Outcome other = lathe({"eval", "lab", "--source", "base", "--tag", "d2", "--boolq-samples", "5"});
  EXPECT_EQ(other.exit, Exit::kBadInput);
  EXPECT_TRUE(has(other.err, "--force")) << other.err;
}

// L-8.1, L-8.10: penalties are for texts; they move no likelihood.
TEST_F(EvalLab, DecodingHelpersMoveNoLikelihood) {
  testing::save_tiny(base(), "sft", "d2", 7, tokenizer_);
  const auto metrics = [&](std::vector<std::string> more) {
    std::vector<std::string> words = {"eval", "lab", "--source", "sft", "--tag", "d2", "--force", "--no-baseline"};
    words.insert(words.end(), more.begin(), more.end());
    const Outcome result = lathe(words);
    EXPECT_EQ(result.exit, Exit::kDone) << result.err;
    return result.figures().at("metrics");
  };
  const Json plain = metrics({"--repetition-penalty", "1", "--no-repeat-ngram-size", "0", "--top-k", "0", "--top-p", "1", "--temperature", "1"});
  const Json helped = metrics({"--repetition-penalty", "1.9", "--no-repeat-ngram-size", "2", "--top-k", "3", "--temperature", "0.2"});
  EXPECT_EQ(plain.at("perplexity").at("loss"), helped.at("perplexity").at("loss"));
  EXPECT_EQ(plain.at("boolq").at("correct"), helped.at("boolq").at("correct"));
  EXPECT_EQ(plain.at("smoke_tests").at("n").as_int(), 24);
  const Json few = metrics({"--no-boolq", "--no-generation", "--categories", "reasoning", "--perplexity-samples", "2"});
  EXPECT_FALSE(few.contains("boolq"));
  EXPECT_EQ(few.at("smoke_tests").at("n").as_int(), 3);
  EXPECT_EQ(few.at("perplexity").at("windows").as_int(), 2);
}

// A damaged set is an error that names the line, not a score of what could be read.
TEST_F(EvalLab, DamagedDataAreAnError) {
  testing::save_tiny(base(), "base", "d2", 7, tokenizer_);
  testing::check(write_file_atomic(base() / "broken.jsonl", "{\"passage\": \"a\", \"question\": \"b\", \"answer\": true}\n{\"passage\": \"a\", \"quest"));
  const Outcome result = lathe({"eval", "lab", "--source", "base", "--tag", "d2", "--boolq-path", (base() / "broken.jsonl").string()});
  EXPECT_EQ(result.exit, Exit::kBadInput);
  EXPECT_TRUE(has(result.err, "broken.jsonl") && has(result.err, "line 2")) << result.err;
  EXPECT_FALSE(fs::exists(base() / "eval_results/d2/base/lab"));
  const Outcome stage = lathe({"eval", "lab", "--source", "base", "--tag", "d2", "--stage", "pretrain", "--smoke-tests"});
  EXPECT_EQ(stage.exit, Exit::kBadInput);
  EXPECT_TRUE(has(stage.err, "smoke_tests")) << stage.err;
}

}  // namespace
}  // namespace lathe::cli
