#include <gtest/gtest.h>

#include "core/manifest.h"
#include "real_verbs.h"

namespace lathe::cli {
namespace {

using testing::check;
using testing::take;

class CorpusVerb : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string lines;
    for (int i = 0; i < 50; ++i)
      lines += "{\"text\": \"Document number " + std::to_string(i * i) + " tells what the cat of house " + std::to_string(i * 7919) +
               " did with the ball and the string of the neighbour.\"}\n";
    check(write_file_atomic(text, lines));
    check(write_file_atomic(config, R"({"name": "cats", "_note": "small", "sources": [{"name": "web", "dataset_name": "some/web"}],
      "quality": {"quality": []}, "deduplication": {"threshold": 0.95}, "processing_params": {"shard_size": 10000}})"));
  }
  Outcome run(std::vector<std::string> flags) {
    std::vector<std::string> words = {"scripts/10_prepare_corpus.py", "--config", config, "--base-dir", (root.path() / "base").string(), "--output-dir", out};
    words.insert(words.end(), flags.begin(), flags.end());
    return run_lathe(std::move(words));
  }
  TemporaryFolder root;
  const std::string text = (root.path() / "cats.jsonl").string(), config = (root.path() / "cats.json").string(), out = (root.path() / "out").string();
};

// L-1.18, L-1.2, L-1.17
TEST_F(CorpusVerb, TheDocumentedFlagsMakeACorpusWithoutATokenizer) {
  const Outcome outcome = run({"--source-map", "web=" + text, "--shard-size", "20", "--use-cache", "--log-level", "WARNING", "--json"});
  ASSERT_EQ(outcome.exit, Exit::kDone) << outcome.err;
  EXPECT_EQ(outcome.figures().at("documents").as_int(), 50);
  EXPECT_EQ(outcome.figures().at("shards").as_int(), 3);
  EXPECT_GT(outcome.figures().at("mb_per_s").as_double(), 0);
  EXPECT_GT(outcome.figures().at("peak_rss_mb").as_double(), 0);
  const Manifest manifest = take(read_manifest(out, "corpus", ""));
  EXPECT_EQ(manifest.tokenizer_sha256, "");
  check(verify_outputs(out, manifest, ""));
  EXPECT_TRUE(fs::exists(root.path() / "base" / "cache" / "corpus"));
}

// L-1.11, L-1.15
TEST_F(CorpusVerb, PrintsItsSettingsAndSaysAlreadyDone) {
  const Outcome first = run({"--source-map", "web=" + text});
  ASSERT_EQ(first.exit, Exit::kDone) << first.err;
  EXPECT_NE(first.out.find("\"threshold\": 0.95"), std::string::npos);
  EXPECT_NE(first.out.find("\"collapse_blanks\": true"), std::string::npos);
  const Outcome second = run({"--source-map", "web=" + text});
  EXPECT_EQ(second.exit, Exit::kDone);
  EXPECT_NE(second.out.find("already done"), std::string::npos);
  const std::string shard = (fs::path(out) / "shard_0000.jsonl.zst").string(), bytes = take(read_file(shard));
  check(write_file_atomic(shard, bytes.substr(1)));
  const Outcome damaged = run({"--source-map", "web=" + text});
  EXPECT_EQ(damaged.exit, Exit::kBadInput) << damaged.out;
  EXPECT_NE(damaged.err.find("--force"), std::string::npos) << damaged.err;
  check(write_file_atomic(shard, bytes));
  const Outcome other = run({"--source-map", "web=" + text, "--shard-size", "7"});
  EXPECT_EQ(other.exit, Exit::kBadInput);
  EXPECT_NE(other.err.find("--force"), std::string::npos) << other.err;
  EXPECT_EQ(run({"--source-map", "web=" + text, "--shard-size", "7", "--force"}).exit, Exit::kDone);
  EXPECT_EQ(run({"--source-map", "web=" + text, "--shard-size", "0", "--force"}).exit, Exit::kDone);  // as the config says
}

// L-1.13, L-1.16, L-1.25
TEST_F(CorpusVerb, AMissingSourceNamesTheCommandThatGetsIt) {
  const Outcome outcome = run({});
  EXPECT_EQ(outcome.exit, Exit::kBadInput);
  EXPECT_NE(outcome.err.find("lathe download hf://datasets/some/web/"), std::string::npos) << outcome.err;
  EXPECT_EQ(run({"--source-map", "web"}).exit, Exit::kBadInput);
  EXPECT_EQ(run({"--no-such-flag"}).exit, Exit::kUsage);
  EXPECT_EQ(run_lathe({"corpus"}).exit, Exit::kUsage);
}

// L-2.37
TEST_F(CorpusVerb, AnalyzeOnlyPrintsThePlanAndItsStatusSaysIfTheBudgetHolds) {
  const Outcome good = run({"--source-map", "web=" + text, "--analyze-only"});
  EXPECT_EQ(good.exit, Exit::kDone) << good.err;
  EXPECT_NE(good.out.find("disk needed"), std::string::npos);
  EXPECT_TRUE(fs::exists(fs::path(out) / "plan.json"));
  EXPECT_FALSE(fs::exists(fs::path(out) / "manifest.json"));
  check(write_file_atomic(config, R"({"name": "cats", "dataset_name": "some/web", "token_budget": 100000})"));
  EXPECT_EQ(run({"--source-map", "some/web=" + text, "--analyze-only"}).exit, Exit::kBadInput);
}

// L-1.21
TEST_F(CorpusVerb, TheFolderIsNamedAfterTheCorpus) {
  const fs::path before = fs::current_path();
  fs::current_path(root.path());
  const Outcome outcome = run_lathe({"corpus", "--config", config, "--base-dir", "base", "--source-map", "web=" + text});
  fs::current_path(before);
  EXPECT_EQ(outcome.exit, Exit::kDone) << outcome.err;
  for (const char* file : {"manifest.json", "DATA_CARD.md", "report.html", "shard_0000.jsonl.zst"})
    EXPECT_TRUE(fs::exists(root.path() / "data" / "datasets" / "cats" / file)) << file;
}

// The documented lines with the shipped settings; small files stand in for the sources.
// L-1.3, L-1.22, L-1.23
TEST_F(CorpusVerb, ShippedSettingsRunOffline) {
  const fs::path data = testing::real_data("text");
  LATHE_NEEDS(data);
  for (const char* name : {"config/pretrain/corpus/tokenizer_training_mix.json", "config/pretrain/corpus/tiny_23M_chinchilla_500M.json"}) {
    const fs::path folder = root.path() / fs::path(name).stem();
    const auto stand_in = [&](const char* source, const char* file) { return source + std::string("=") + (data / file).string(); };
    const Outcome outcome = run_lathe({"10_prepare_corpus", "--config", name, "--base-dir", (root.path() / "base").string(), "--output-dir", folder.string(),
                                       "--use-cache", "--source-map", stand_in("c4", "c4_demo.jsonl.zst"), stand_in("gutenberg", "webtext.jsonl.zst"),
                                       stand_in("fineweb_edu", "brown.jsonl.zst"), stand_in("wikipedia", "wiki_demo.txt.zst")});
    ASSERT_EQ(outcome.exit, Exit::kDone) << outcome.err;
    check(verify_outputs(folder, take(read_manifest(folder, "corpus", "")), ""));
  }
}

}  // namespace
}  // namespace lathe::cli
