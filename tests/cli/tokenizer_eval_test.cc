#include <gtest/gtest.h>

#include "real_verbs.h"
#include "tokenizer/tiktoken.h"
#include "tokenizer/tokenizer.h"

namespace lathe::cli {
namespace {

using testing::check;
using testing::take;

// A base folder with a tokenizer trained on a small corpus, which lies where the verbs look for it.
class TokenizerEval : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string lines;
    for (int i = 0; i < 60; ++i)
      lines += join_text("{\"text\": \"", i < 57 ? "the council voted on the bridge, " : "valley ", i, "\"}\n");
    check(write_file_atomic(base() / "base_data" / "corpus.jsonl", lines));
    const Outcome trained = run_lathe({"tokenizer", "train", "--base-dir", base(), "--vocab-size", "300", "--json"});
    ASSERT_EQ(trained.exit, Exit::kDone) << trained.err;
  }
  fs::path base() const { return folder_.path() / "base"; }
  Outcome run(std::vector<std::string> words) const {
    words.insert(words.end(), {"--base-dir", base(), "--json"});
    return run_lathe(words);
  }
  // Another tokenizer's rank file: the bytes, and "th".
  fs::path other() const {
    const fs::path path = folder_.path() / "other.tiktoken";
    std::vector<std::string> tokens;
    for (int byte = 0; byte < 256; ++byte) tokens.emplace_back(1, static_cast<char>(byte));
    tokens.push_back("th");
    check(write_file_atomic(path, take(tokenizer::to_tiktoken_ranks(take(tokenizer::Tokenizer::from_tokens(tokens))))));
    return path;
  }
  std::string report() const { return take(read_file(base() / "report" / "tokenizer-evaluation.md")); }

  TemporaryFolder folder_;
};

// C-2.31, C-2.32, C-2.37
TEST_F(TokenizerEval, ComparesSevenTextsWithBothBaselines) {
  const Outcome outcome = run({"tok_eval", "--gpt2", other(), "--gpt4", other()});
  ASSERT_EQ(outcome.exit, Exit::kDone) << outcome.err;
  const Json figures = outcome.figures();
  for (const char* baseline : {"GPT-2", "GPT-4"}) {
    const Json& rows = figures.at("comparisons").at(baseline);
    std::vector<std::string> names;
    for (const Json& row : rows.as_array()) names.push_back(row.at("text").as_string());
    EXPECT_EQ(names, (std::vector<std::string>{"news", "korean", "code", "math", "science", "fwe-train", "fwe-val"}));
    EXPECT_NE(outcome.out.find(join_text("Comparison with ", baseline, ":\n")), std::string::npos);
    EXPECT_NE(report().find(join_text("### Comparison with ", baseline, "\n\n| Text Type |")), std::string::npos) << report();
  }
  EXPECT_NE(outcome.out.find("  GPT-2: 266\n  GPT-4: 266\n  ours: 300\n"), std::string::npos) << outcome.out;
  EXPECT_TRUE(report().starts_with("## Tokenizer evaluation\n"));
  const Json& train = figures.at("comparisons").at("GPT-2").at(size_t{5});
  EXPECT_GT(train.at("ratio").as_double(), train.at("baseline_ratio").as_double()) << "ours was trained on it";
  EXPECT_EQ(figures.at("not_run").size(), 0u);
}

// C-2.31: the documents of a group are joined by line ends.
TEST_F(TokenizerEval, AGroupIsOneText) {
  std::string lines;
  for (int i = 0; i < 120; ++i) lines += "{\"text\": \"seventeen letters\"}\n";  // in groups of three
  check(write_file_atomic(folder_.path() / "groups.jsonl", lines));
  const Json figures = run({"tokenizer", "eval", "--gpt2", other(), "--data", folder_.path() / "groups.jsonl"}).figures();
  for (const size_t i : {5u, 6u}) EXPECT_EQ(figures.at("comparisons").at("GPT-2").at(i).at("bytes").as_int(), 3 * 17 + 2);
}

// C-2.31
TEST_F(TokenizerEval, ABaselineWithoutItsFileIsSaidToBeNotRun) {
  fs::create_directories(base() / "tokenizers");
  fs::copy_file(other(), base() / "tokenizers" / "other.tiktoken");
  const Outcome outcome = run({"tokenizer", "eval", "--gpt4", other()});
  ASSERT_EQ(outcome.exit, Exit::kDone) << outcome.err;
  EXPECT_NE(outcome.out.find("Comparison with GPT-2: not run"), std::string::npos) << outcome.out;
  EXPECT_NE(outcome.out.find("--gpt2"), std::string::npos);
  EXPECT_EQ(outcome.figures().at("not_run").dump(), "[\"GPT-2\"]");
  EXPECT_EQ(outcome.figures().at("comparisons").find("GPT-2"), nullptr);
  EXPECT_NE(report().find("### Comparison with GPT-2\n\nNot run"), std::string::npos) << report();
  EXPECT_EQ(run({"tokenizer", "eval", "--gpt2", "/nonexistent.tiktoken"}).exit, Exit::kBadInput) << "a given file must be there";
}

// C-2.31
TEST_F(TokenizerEval, WithoutACorpusTheBuiltInTextsAreCompared) {
  fs::remove_all(base() / "base_data");
  const Outcome outcome = run({"tokenizer", "eval", "--gpt2", other()});
  ASSERT_EQ(outcome.exit, Exit::kDone) << outcome.err;
  EXPECT_EQ(outcome.figures().at("comparisons").at("GPT-2").size(), 5u);
  EXPECT_NE(outcome.out.find("The corpus is not compared"), std::string::npos) << outcome.out;
}

// L-3.8
TEST_F(TokenizerEval, TellsTheQualityFiguresOfOurs) {
  const Outcome outcome = run({"tokenizer", "eval", "--top", "3"});
  const Json quality = outcome.figures().at("quality");
  EXPECT_EQ(quality.at("sources").size(), 7u);
  EXPECT_EQ(quality.at("top_pieces").size(), 3u);
  EXPECT_GT(quality.at("total").at("fertility").as_double(), 1.0);
  EXPECT_LT(quality.at("total").at("coverage").as_double(), 1.0) << "no token holds a Korean letter";
  EXPECT_EQ(quality.at("total").at("unknown_rate").as_double(), 0.0);
  EXPECT_NE(outcome.out.find("| korean | 1 |"), std::string::npos) << outcome.out;
}

// C-2.31: the real encodings, where their files are at hand.
TEST_F(TokenizerEval, FindsThePublicEncodingsInTheBaseFolder) {
  const fs::path gpt2 = testing::real_data("tokenizers/gpt2");
  LATHE_NEEDS(gpt2);
  fs::create_directories(base() / "tokenizers");
  fs::copy(gpt2, base() / "tokenizers" / "gpt2", fs::copy_options::recursive);
  const Outcome outcome = run({"tokenizer", "eval"});
  ASSERT_EQ(outcome.exit, Exit::kDone) << outcome.err;
  EXPECT_EQ(outcome.figures().at("vocab_sizes").at("GPT-2").as_int(), 50257);
  const Json news = outcome.figures().at("comparisons").at("GPT-2").at(size_t{0});
  EXPECT_GT(news.at("baseline_ratio").as_double(), 4.0);
}

}  // namespace
}  // namespace lathe::cli
