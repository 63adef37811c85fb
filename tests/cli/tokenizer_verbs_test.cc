#include <gtest/gtest.h>

#include "core/folder_lock.h"
#include "core/manifest.h"
#include "core/sha256.h"
#include "real_verbs.h"
#include "tokenizer/base64.h"
#include "tokenizer/tokenizer.h"

namespace lathe::cli {
namespace {

// A corpus of 60 documents: words of the train split, and in the last twentieth words that occur nowhere else.
class TokenizerVerbs : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string lines;
    for (int i = 0; i < 60; ++i)
      lines += join_text("{\"text\": \"", i < 57 ? "the cat and the hat sat on the mat, number " : "zyzzyva quixotry quixotry zyzzyva ", i, "\"}\n");
    testing::check(write_file_atomic(corpus(), lines));
  }
  std::string base() const { return folder_.path() / "base"; }
  std::string corpus() const { return folder_.path() / "corpus.jsonl"; }
  Outcome train(std::vector<std::string> flags = {}) const {
    std::vector<std::string> words = {"tokenizer", "train", "--base-dir", base(), "--data", corpus(), "--vocab-size", "300", "--json"};
    words.insert(words.end(), flags.begin(), flags.end());
    return run_lathe(words);
  }
  Outcome run(std::vector<std::string> words, const std::string& input = "") const {
    words.insert(words.begin(), "tokenizer");
    words.insert(words.end(), {"--base-dir", base()});
    return run_lathe(words, input);
  }

  TemporaryFolder folder_;
};

std::string put(const fs::path& path, std::string_view text) {
  testing::check(write_file_atomic(path, text));
  return path;
}

// C-2.9
TEST(TokenizerTrainFlags, HaveTheOriginsNamesAndDefaults) {
  const TemporaryFolder base;
  for (const char* program : {"tok_train", "scripts/tok_train.py"}) {
    const Outcome shown = run_lathe({program, "--print-config", "--base-dir", base.path().string()});
    ASSERT_EQ(shown.exit, Exit::kDone) << shown.err;
    const Json settings = testing::take(parse_json(shown.out));
    EXPECT_EQ(settings.at("max_chars").as_int(), 2'000'000'000);
    EXPECT_EQ(settings.at("doc_cap").as_int(), 10'000);
    EXPECT_EQ(settings.at("vocab_size").as_int(), 32'768);
    const Outcome changed = run_lathe({program, "--max_chars=500", "--doc_cap", "7", "--vocab_size=999", "--print-config"});
    EXPECT_EQ(testing::take(parse_json(changed.out)).at("max_chars").as_int(), 500);
    EXPECT_EQ(testing::take(parse_json(changed.out)).at("doc_cap").as_int(), 7);
    EXPECT_EQ(testing::take(parse_json(changed.out)).at("vocab_size").as_int(), 999);
  }
}

TEST_F(TokenizerVerbs, TrainLeavesAFolderAloneThatAnotherWrites) {
  const Result<FolderLock> other = FolderLock::take(base() + "/tokenizer");
  ASSERT_FALSE(other.ok()) << "the base folder is not there yet";
  ASSERT_EQ(train().exit, Exit::kDone);
  const FolderLock held = testing::take(FolderLock::take(base() + "/tokenizer"));
  const Outcome refused = train();
  EXPECT_EQ(refused.exit, Exit::kBadInput);
  EXPECT_NE(refused.err.find("tokenizer.lock: another process is writing this folder"), std::string::npos) << refused.err;
}

// C-2.10
TEST_F(TokenizerVerbs, TrainReadsTheTrainSplitOnly) {
  const Outcome outcome = train();
  ASSERT_EQ(outcome.exit, Exit::kDone) << outcome.err;
  EXPECT_EQ(outcome.figures().at("documents").as_int(), 57);
  EXPECT_EQ(run({"encode", "the", "--json"}).figures().at("tokens").as_int(), 1);
  EXPECT_EQ(run({"encode", "zyzz", "--json"}).figures().at("tokens").as_int(), 4);
}

// C-2.30
TEST_F(TokenizerVerbs, EncodeShowsThePieces) {
  ASSERT_EQ(train().exit, Exit::kDone);
  EXPECT_EQ(run({"encode", "--show", "the x"}).out.substr(0, 12), "\033[94mthe\033[0m");
  const Outcome with_ids = run({"encode", "--show", "--with-ids", "x"});
  EXPECT_EQ(with_ids.out, "\033[94mx\033[0m\033[90m(120)\033[0m\n");
}

// C-2.20
TEST_F(TokenizerVerbs, BenchNamesItsFigures) {
  const fs::path ranks = folder_.path() / "some.tiktoken", text = folder_.path() / "some.txt";
  std::string lines, words;
  for (int id = 0; id < 256; ++id) lines += join_text(tokenizer::to_base64(std::string(1, static_cast<char>(id))), ' ', id, '\n');
  for (int i = 0; i < 20000; ++i) words += join_text("some words ", i, '\n');
  testing::check(write_file_atomic(ranks, lines));
  testing::check(write_file_atomic(text, words));
  const auto bench = [&](const char* pattern) {
    return run_lathe({"bench", "tokenizer", "--tokenizer", ranks.string(), "--pattern", pattern, "--text", text.string(), "--rounds", "1", "--json"});
  };
  const Outcome done = bench("cl100k");
  ASSERT_EQ(done.exit, Exit::kDone) << done.err;
  for (const char* figure : {"encode_cold_mb_per_s", "encode_warm_mb_per_s", "split_mb_per_s", "bytes_per_token", "load_s", "peak_rss_mb"})
    EXPECT_GT(done.figures().at(figure).as_double(), 0) << figure;
  EXPECT_EQ(done.figures().at("tokens"), done.figures().at("bytes")) << "only bytes are tokens";
  const Outcome unknown = bench("cl200k");
  EXPECT_EQ(unknown.exit, Exit::kBadInput);
  EXPECT_NE(unknown.err.find("known are chat, gpt2, cl100k"), std::string::npos) << unknown.err;
}

// C-2.10
TEST_F(TokenizerVerbs, TrainStopsAfterTheDocumentThatExceedsMaxChars) {
  const Outcome outcome = train({"--max-chars", "100", "--doc-cap", "25"});
  ASSERT_EQ(outcome.exit, Exit::kDone) << outcome.err;
  EXPECT_EQ(outcome.figures().at("documents").as_int(), 5);  // 4 x 25 is not above 100 yet
  EXPECT_EQ(outcome.figures().at("characters").as_int(), 125);
}

// C-2.36
TEST_F(TokenizerVerbs, TrainPrintsSettingsTimeAndPaths) {
  const Outcome outcome = train({"--max-chars", "1234567"});
  ASSERT_EQ(outcome.exit, Exit::kDone) << outcome.err;
  for (const std::string& line : {std::string("max_chars: 1,234,567\n"), std::string("doc_cap: 10,000\n"), std::string("vocab_size: 300\n"),
                                  std::string("Training time: 0."), "Saved tokenizer to " + base() + "/tokenizer/tokenizer.json\n",
                                  "Saved report section to " + base() + "/report/tokenizer-training.md\n"})
    EXPECT_NE(outcome.out.find(line), std::string::npos) << line << "is not in\n" << outcome.out;
}

// C-2.14
TEST_F(TokenizerVerbs, TrainLeavesAReportSection) {
  const Json figures = train().figures();
  const std::vector<std::string> lines = split_text(testing::take(read_file(base() + "/report/tokenizer-training.md")), '\n');
  ASSERT_GE(lines.size(), 12u);
  EXPECT_EQ(lines[0], "## Tokenizer training");
  EXPECT_EQ(lines[1].substr(0, 11), "timestamp: ");
  EXPECT_EQ(lines[2], "");
  EXPECT_EQ(lines[3], "- max_chars: 2,000,000,000");
  EXPECT_EQ(lines[4], "- doc_cap: 10,000");
  EXPECT_EQ(lines[5], "- vocab_size: 300");
  EXPECT_EQ(lines[6], format_text("- train_time: %.4f", figures.at("train_time").as_double()));
  EXPECT_EQ(lines[7], "- num_special_tokens: 9");
  EXPECT_EQ(lines[8], "- token_bytes_min: 1");
  EXPECT_EQ(lines[10], format_text("- token_bytes_mean: %.4f", figures.at("token_bytes_mean").as_double()));
}

// L-15.17
TEST_F(TokenizerVerbs, TheHashStandsAtTheTopOfEveryFile) {
  const std::string hash = train().figures().at("sha256").as_string();
  const fs::path folder = fs::path(base()) / "tokenizer";
  EXPECT_EQ(testing::read_json_or_fail(folder / "tokenizer.json").at("sha256").as_string(), hash);
  const Json manifest = testing::read_json_or_fail(folder / "manifest.json");
  EXPECT_EQ(manifest.at("tokenizer_sha256").as_string(), hash);
  EXPECT_EQ(testing::take(tokenizer::Tokenizer::load_base(base())).hash(), hash);
  EXPECT_EQ(run({"info", "--json"}).figures().at("sha256").as_string(), hash);
}

TEST_F(TokenizerVerbs, TheManifestNamesWhatWasReadAndWritten) {
  ASSERT_EQ(train().exit, Exit::kDone);
  const fs::path folder = fs::path(base()) / "tokenizer";
  const Json manifest = testing::read_json_or_fail(folder / "manifest.json");
  EXPECT_EQ(manifest.at("inputs").at(size_t{0}).at("sha256").as_string(), testing::take(sha256_file(corpus())));
  EXPECT_EQ(manifest.at("inputs").at(size_t{0}).at("bytes").as_int(), static_cast<int64_t>(fs::file_size(corpus())));
  EXPECT_EQ(manifest.at("outputs").at(size_t{0}).at("sha256").as_string(), testing::take(sha256_file(folder / "tokenizer.json")));
  EXPECT_EQ(manifest.at("settings").at("vocab_size").as_int(), 300);
  EXPECT_EQ(manifest.at("counts").at("documents").as_int(), 57);
  EXPECT_EQ(manifest.at("schema").as_int(), 1);
}

TEST_F(TokenizerVerbs, TheManifestIsVerifiedByWhatComesNext) {
  ASSERT_EQ(train().exit, Exit::kDone);
  const fs::path folder = fs::path(base()) / "tokenizer";
  const Manifest manifest = testing::take(read_manifest(folder, "tokenizer", "train it again"));
  EXPECT_TRUE(verify_outputs(folder, manifest, "train it again").ok());
  put(folder / "tokenizer.json", testing::take(read_file(folder / "tokenizer.json")) + " ");
  EXPECT_FALSE(verify_outputs(folder, manifest, "train it again").ok());
}

// L-3.26
TEST_F(TokenizerVerbs, MergesStopBelowTheMinimumFrequencyAndTheRealSizeIsReported) {
  const Outcome all = train({"--vocab-size", "1000", "--output-dir", base() + "/all"});
  const Outcome frequent = train({"--vocab-size", "1000", "--min-frequency", "20", "--output-dir", base() + "/frequent"});
  ASSERT_EQ(frequent.exit, Exit::kDone) << frequent.err;
  const int64_t size = frequent.figures().at("vocab_size").as_int();
  EXPECT_LT(size, all.figures().at("vocab_size").as_int());
  EXPECT_EQ(testing::take(tokenizer::Tokenizer::load(base() + "/frequent")).vocab_size(), size);
  EXPECT_NE(frequent.out.find(join_text("Vocabulary: ", size, " tokens of the 1,000 wanted")), std::string::npos) << frequent.out;
  EXPECT_EQ(testing::read_json_or_fail(base() + "/frequent/manifest.json").at("counts").at("vocab_size").as_int(), size);
  EXPECT_FALSE(fs::exists(base() + "/tokenizer")) << "--output-dir stands in for it";
}

// C-2.21
TEST_F(TokenizerVerbs, TheOtherStyleIsSavedInThatLibrarysForm) {
  const Outcome outcome = train({"--style", "hf"});
  ASSERT_EQ(outcome.exit, Exit::kDone) << outcome.err;
  const Json file = testing::read_json_or_fail(base() + "/tokenizer/tokenizer.json");
  EXPECT_EQ(file.at("model").at("type").as_string(), "BPE");
  EXPECT_EQ(file.at("model").at("vocab").size(), 300u);
  EXPECT_EQ(run({"info", "--json"}).figures().at("special_tokens").at("<|bos|>").as_int(), 0);
  EXPECT_EQ(run({"info", "--json"}).figures().at("sha256").as_string(), outcome.figures().at("sha256").as_string());
  EXPECT_EQ(train({"--style", "word"}).exit, Exit::kUsage);
}

TEST_F(TokenizerVerbs, LittleMemoryGivesTheSameTokenizer) {
  std::string lines;
  for (int i = 0; i < 40'000; ++i) {
    std::string word;
    for (int rest = i; rest > 0; rest /= 26) word += static_cast<char>('a' + rest % 26);
    lines += join_text("{\"text\": \"the ", word, " sat\"}\n");
  }
  put(corpus(), lines);
  const Outcome whole = train(), little = train({"--memory", "1", "--output-dir", base() + "/little"});
  ASSERT_EQ(little.exit, Exit::kDone) << little.err;
  EXPECT_EQ(whole.figures().at("runs").as_int(), 0);
  EXPECT_GT(little.figures().at("runs").as_int(), 0);
  EXPECT_EQ(little.figures().at("sha256").as_string(), whole.figures().at("sha256").as_string());
  EXPECT_EQ(train({"--memory", "0"}).exit, Exit::kBadInput);
  EXPECT_EQ(train({"--min-frequency", "-1"}).exit, Exit::kBadInput);
}

TEST_F(TokenizerVerbs, AVocabularyThatCannotHoldTheBytesIsRefused) {
  const Outcome outcome = train({"--vocab-size", "264"});
  EXPECT_EQ(outcome.exit, Exit::kBadInput);
  EXPECT_NE(outcome.err.find("at least 265"), std::string::npos) << outcome.err;
  EXPECT_FALSE(fs::exists(fs::path(base()) / "tokenizer" / "tokenizer.json"));
}

// C-2.16
TEST_F(TokenizerVerbs, EncodeAndDecodeGiveTheTextBackByteForByte) {
  ASSERT_EQ(train().exit, Exit::kDone);
  const std::string text = "the cat\n\tsat <|bos|> \u00e9\U0001f30d\n";
  const Outcome ids = run({"encode"}, text);
  ASSERT_EQ(ids.exit, Exit::kDone) << ids.err;
  EXPECT_EQ(run({"decode"}, ids.out).out, text + "\n");
  const Json figures = run({"encode", "--json"}, text).figures();
  EXPECT_EQ(figures.at("bytes").as_int(), static_cast<int64_t>(text.size()));
  EXPECT_EQ(figures.at("tokens").as_int(), static_cast<int64_t>(figures.at("ids").size()));
  EXPECT_EQ(run({"decode", "--json"}, figures.at("ids").dump()).figures().at("text").as_string(), text);
  for (const Json& id : figures.at("ids").as_array()) EXPECT_LT(id.as_int(), 291);  // none is special
}

TEST_F(TokenizerVerbs, DecodeTakesIdsAsOperands) {
  ASSERT_EQ(train().exit, Exit::kDone);
  EXPECT_EQ(run({"decode", "72", "105"}).out, "Hi\n");
  EXPECT_EQ(run({"decode", "[72,", "105]"}).out, "Hi\n");
}

TEST_F(TokenizerVerbs, DecodeRefusesWhatIsNoId) {
  ASSERT_EQ(train().exit, Exit::kDone);
  for (const auto& [input, message] : std::vector<std::pair<std::string, std::string>>{
           {"1 2 x3", "ids at byte 4: \"x3\""}, {"300", "vocabulary, 0 to 299"}, {"-1", "id -1"}, {"99999999999999999999", "\"99999999999999999999\""}}) {
    const Outcome outcome = run({"decode"}, input);
    EXPECT_EQ(outcome.exit, Exit::kBadInput) << input;
    EXPECT_NE(outcome.err.find(message), std::string::npos) << outcome.err;
  }
}

// C-2.33
TEST_F(TokenizerVerbs, AMissingTokenizerNamesItsPathAndTheCommandThatMakesIt) {
  const Outcome outcome = run({"info"});
  EXPECT_EQ(outcome.exit, Exit::kBadInput);
  EXPECT_NE(outcome.err.find(base() + "/tokenizer"), std::string::npos) << outcome.err;
  EXPECT_NE(outcome.err.find("lathe tokenizer train"), std::string::npos) << outcome.err;
}

TEST_F(TokenizerVerbs, InfoTellsTheSpecialTokens) {
  ASSERT_EQ(train().exit, Exit::kDone);
  const Outcome outcome = run({"info", "--json"});
  const Json figures = outcome.figures();
  EXPECT_EQ(figures.at("vocab_size").as_int(), 300);
  EXPECT_EQ(figures.at("special_tokens").at("<|bos|>").as_int(), 291);
  EXPECT_EQ(figures.at("num_special_tokens").as_int(), 9);
  EXPECT_NE(outcome.out.find("299  <|output_end|>"), std::string::npos) << outcome.out;
}

// C-2.30
TEST_F(TokenizerVerbs, RenderColoursTokensByTheirMask) {
  ASSERT_EQ(train().exit, Exit::kDone);
  const std::string chats = put(folder_.path() / "chats.jsonl",
                                "{\"messages\": [{\"role\": \"user\", \"content\": \"q\"}, {\"role\": \"assistant\", \"content\": \"a\"}]}\n\n");
  const Outcome outcome = run({"render", chats, "--json"});
  ASSERT_EQ(outcome.exit, Exit::kDone) << outcome.err;
  EXPECT_NE(outcome.out.find("\033[91mq\033[0m|\033[91m<|user_end|>"), std::string::npos) << outcome.out;
  EXPECT_NE(outcome.out.find("\033[92ma\033[0m|\033[92m<|assistant_end|>"), std::string::npos) << outcome.out;
  EXPECT_EQ(outcome.figures().at("tokens").as_int(), 7);
  EXPECT_EQ(outcome.figures().at("trained_tokens").as_int(), 2);
  EXPECT_NE(run({"render", chats, "--with-ids"}).out.find("|\033[90m(97)\033[0m"), std::string::npos);
}

// L-7.1, L-7.16: any template, from a file or typed; a typed question is shown as the model is given it.
TEST_F(TokenizerVerbs, RenderShowsAnyTemplate) {
  ASSERT_EQ(train().exit, Exit::kDone);
  const Outcome outcome = run({"render", "--template", "human", "--message", "q", "--answer", "a", "--json"});
  ASSERT_EQ(outcome.exit, Exit::kDone) << outcome.err;
  EXPECT_NE(outcome.out.find("\033[92ma\033[0m|\033[92m<|bos|>"), std::string::npos) << outcome.out;
  EXPECT_EQ(outcome.figures().at("trained_tokens").as_int(), 2);
  const Outcome prompt = run({"render", "--message", "q", "--system", "s", "--json"});
  EXPECT_EQ(prompt.figures().at("trained_tokens").as_int(), 0);
  EXPECT_EQ(prompt.out.find("assistant_end"), std::string::npos);
  EXPECT_NE(prompt.out.find("<|assistant_start|>"), std::string::npos);
  const Outcome missing = run({"render", "--template", "chatml", "--message", "q"});
  EXPECT_EQ(missing.exit, Exit::kBadInput);
  EXPECT_NE(missing.err.find("<|im_start|>"), std::string::npos) << missing.err;
  EXPECT_EQ(run({"render", "chats.jsonl", "--message", "q"}).exit, Exit::kUsage);
}

TEST_F(TokenizerVerbs, RenderNamesTheLineItCannotRead) {
  ASSERT_EQ(train().exit, Exit::kDone);
  const std::string good = "{\"messages\": [{\"role\": \"user\", \"content\": \"q\"}]}\n";
  for (const char* bad : {"{\"messages\": [", "{\"messages\": [{\"role\": \"assistant\", \"content\": \"a\"}]}", "[1]"}) {
    const std::string chats = put(folder_.path() / "chats.jsonl", good + bad + "\n");
    const Outcome outcome = run({"render", chats});
    EXPECT_EQ(outcome.exit, Exit::kBadInput) << bad;
    EXPECT_NE(outcome.err.find("chats.jsonl: line 2"), std::string::npos) << outcome.err;
  }
  EXPECT_EQ(run({"render"}).exit, Exit::kUsage);
  EXPECT_EQ(run({"render", put(folder_.path() / "empty.jsonl", "\n")}).exit, Exit::kBadInput);
}

}  // namespace
}  // namespace lathe::cli
