// lathe tokenizer train --kind spm and char, and the origin's name 20_train_tokenizer.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "core/manifest.h"
#include "core/rng.h"
#include "real_verbs.h"
#include "tokenizer/frozen.h"

namespace lathe::cli {
namespace {

using testing::check;
using testing::take;

// A corpus folder of two shards and two sources as `lathe corpus` leaves it, and a config that points to it.
class TrainFrozen : public ::testing::Test {
 protected:
  void SetUp() override {
    Rng rng(3, "words");
    static const char* const kWords[] = {"river", "stone", "walking", "under", "the", "bridge", "quiet", "caf\xC3\xA9", "1987", "letters", "never", "arrived"};
    Manifest manifest;
    manifest.kind = "corpus";
    manifest.settings = Json::object();
    for (int shard = 0; shard < 2; ++shard) {
      std::string lines;
      for (int i = 0; i < 150; ++i) {
        std::string text;
        for (int word = 0; word < 40; ++word) {
          text += kWords[rng.below(std::size(kWords))];
          text += rng.chance(0.1) ? '\n' : rng.chance(0.2) ? 's' : ' ';
        }
        lines += Json(Json::Object{{"text", text}, {"source", i % 2 == 0 ? "books" : "web"}, {"id", i}}).dump() + "\n";
      }
      const std::string name = join_text("shard_000", shard, ".jsonl");
      check(write_file_atomic(corpus() / name, lines));
      manifest.outputs.push_back(take(record_file(corpus() / name, name)));
    }
    check(write_manifest(corpus(), manifest));
    write_config(330);
  }
  void write_config(int64_t size, const std::string& more = "") {
    check(write_file_atomic(config(), join_text(R"({"_notes": "small", "model_type": "unigram", "vocab_size": )", size,
                                                R"(, "corpus_manifest": "corpus/manifest.json", "training": {"num_threads": 2, "_why": 1}, )", more,
                                                R"("special_tokens": {"unk": {"piece": "<unk>", "id": 0}, "pad": {"piece": "<pad>", "id": 3}}})")));
  }
  fs::path corpus() const { return folder_.path() / "corpus"; }
  fs::path config() const { return folder_.path() / "spm.json"; }
  fs::path output() const { return folder_.path() / "tokenizers/spm_small"; }
  Outcome train(std::vector<std::string> more = {}) const {
    std::vector<std::string> words = {"20_train_tokenizer", "--config", config(), "--output-dir", output(), "--base-dir", folder_.path() / "base", "--json"};
    words.insert(words.end(), more.begin(), more.end());
    return run_lathe(words);
  }
  TemporaryFolder folder_;
};

// L-1.26, L-1.28, L-3.9
TEST_F(TrainFrozen, OriginsCommandLineWritesTheFourFiles) {
  const Outcome outcome = train();
  ASSERT_EQ(outcome.exit, Exit::kDone) << outcome.err;
  for (const char* name : {"spm.model", "spm.vocab", "tokenizer_config.json", "TOKENIZER_CARD.md", "manifest.json"})
    EXPECT_TRUE(fs::exists(output() / name)) << name;
  const Json config = take(read_json(output() / "tokenizer_config.json"));
  const tokenizer::FrozenTokenizer frozen = take(tokenizer::load_frozen(output()));
  EXPECT_EQ(config.at("sha256_hash").as_string(), frozen.hash);
  EXPECT_EQ(frozen.tokenizer.vocab_size(), 330);
  EXPECT_EQ(outcome.figures().at("sha256").as_string(), frozen.hash);
  const Manifest manifest = take(read_manifest(output(), "tokenizer", ""));
  check(verify_outputs(output(), manifest, ""));
  EXPECT_EQ(manifest.tokenizer_sha256, frozen.hash);
  EXPECT_EQ(manifest.inputs.size(), 2u);
}

// L-3.3, L-3.11
TEST_F(TrainFrozen, ConfigRecordsWhatTrainingDependsOn) {
  ASSERT_EQ(train().exit, Exit::kDone);
  const Json config = take(read_json(output() / "tokenizer_config.json"));
  EXPECT_EQ(config.at("library").as_string(), "sentencepiece");
  EXPECT_EQ(config.at("library_version").as_string().substr(0, 2), "0.");
  EXPECT_EQ(config.at("num_threads").as_int(), 2);
  EXPECT_EQ(config.at("seed").as_int(), 42);
  EXPECT_EQ(config.at("settings").at("character_coverage").as_double(), 0.9995);
  EXPECT_EQ(config.at("unk_id").as_int(), 0);
  EXPECT_EQ(config.at("bos_id").as_int(), 1);
  EXPECT_EQ(config.at("eos_id").as_int(), 2);
  EXPECT_EQ(config.at("pad_id").as_int(), 3);
  EXPECT_TRUE(config.at("special_tokens").contains("<|im_end|>"));
}

// L-3.8
TEST_F(TrainFrozen, CardHasTheFitOfEachSource) {
  const Outcome outcome = train();
  ASSERT_EQ(outcome.exit, Exit::kDone) << outcome.err;
  const std::string card = take(read_file(output() / "TOKENIZER_CARD.md"));
  for (const char* part : {"characters per token", "tokens per word", "coverage", "unknown", "| books |", "| web |", "spm_small", "<\\|im_start\\|>"})
    EXPECT_NE(card.find(part), std::string::npos) << part;
  EXPECT_NE(card.find(outcome.figures().at("sha256").as_string()), std::string::npos);
  EXPECT_GT(outcome.figures().at("chars_per_token").as_double(), 1.5);
  EXPECT_EQ(outcome.figures().at("unknown_rate").as_double(), 0);
}

// L-1.29, L-1.15
TEST_F(TrainFrozen, NeverOverwritesAnotherTokenizer) {
  ASSERT_EQ(train().exit, Exit::kDone);
  const std::string model = take(read_file(output() / "spm.model"));
  const Outcome again = train();
  EXPECT_EQ(again.exit, Exit::kDone);
  EXPECT_NE(again.out.find("already done"), std::string::npos) << again.out;

  const std::string hash = take(tokenizer::load_frozen(output())).hash;
  check(write_json_atomic(folder_.path() / "base/packed/manifest.json", Json(Json::Object{{"tokenizer_config_hash", hash}})));
  write_config(320);
  for (const std::vector<std::string>& flags : {std::vector<std::string>{}, {"--force"}}) {
    const Outcome refused = train(flags);
    EXPECT_EQ(refused.exit, Exit::kBadInput);
    EXPECT_NE(refused.err.find("--replace-tokenizer"), std::string::npos) << refused.err;
    EXPECT_NE(refused.err.find("base/packed"), std::string::npos) << refused.err;
    EXPECT_EQ(take(read_file(output() / "spm.model")), model);
  }
  const Outcome replaced = train({"--replace-tokenizer"});
  EXPECT_EQ(replaced.exit, Exit::kDone) << replaced.err;
  EXPECT_EQ(take(tokenizer::load_frozen(output())).tokenizer.vocab_size(), 320);
}

// L-1.30, L-1.12
TEST_F(TrainFrozen, AChangedShardStopsBeforeTraining) {
  std::string shard = take(read_file(corpus() / "shard_0001.jsonl"));
  shard[shard.size() / 2] = 'Q';
  check(write_file_atomic(corpus() / "shard_0001.jsonl", shard));
  const Outcome outcome = train();
  EXPECT_EQ(outcome.exit, Exit::kBadInput);
  EXPECT_NE(outcome.err.find("shard_0001.jsonl"), std::string::npos) << outcome.err;
  EXPECT_FALSE(fs::exists(output()));
}

// L-1.30, L-1.13
TEST_F(TrainFrozen, MissingCorpusNamesTheCommandThatMakesIt) {
  fs::remove(corpus() / "manifest.json");
  const Outcome outcome = train();
  EXPECT_EQ(outcome.exit, Exit::kBadInput);
  EXPECT_NE(outcome.err.find("lathe corpus --config config/pretrain/corpus/tokenizer_training_mix.json"), std::string::npos) << outcome.err;
  const Outcome small = train({"--corpus-dir", folder_.path() / "nowhere"});
  EXPECT_NE(small.err.find("nowhere"), std::string::npos);
}

// L-1.30
TEST_F(TrainFrozen, UnreachableVocabularyIsAnError) {
  write_config(20'000);
  const Outcome outcome = train();
  EXPECT_EQ(outcome.exit, Exit::kBadInput);
  EXPECT_NE(outcome.err.find("20000"), std::string::npos) << outcome.err;
  EXPECT_FALSE(fs::exists(output()));
}

// L-3.5, L-1.26
TEST_F(TrainFrozen, SameInputGivesTheSameModelWhateverTheFolder) {
  ASSERT_EQ(train().exit, Exit::kDone);
  const std::string first = take(tokenizer::load_frozen(output())).hash;
  const fs::path other = folder_.path() / "moved";
  fs::copy(corpus(), other, fs::copy_options::recursive);
  const fs::path second = folder_.path() / "second";
  const Outcome outcome = run_lathe({"tokenizer", "train", "--kind", "spm", "--config", config(), "--corpus-dir", other, "--output-dir", second, "--threads", "1"});
  ASSERT_EQ(outcome.exit, Exit::kDone) << outcome.err;
  EXPECT_EQ(take(tokenizer::load_frozen(second)).hash, first);
  EXPECT_EQ(take(read_file(second / "spm.model")), take(read_file(output() / "spm.model")));
}

// L-1.27, L-3.2, L-3.1
TEST(TrainFrozenConfig, ShippedFileHasTheDocumentedValues) {
  const Outcome outcome = run_lathe({"20_train_tokenizer", "--config", "config/pretrain/tokenizer/spm32k.json", "--print-config"});
  ASSERT_EQ(outcome.exit, Exit::kDone) << outcome.err;
  const Json settings = take(parse_json(outcome.out));
  EXPECT_EQ(settings.at("kind").as_string(), "spm");
  EXPECT_EQ(settings.at("vocab_size").as_int(), 32768);
  EXPECT_EQ(settings.at("model_type").as_string(), "unigram");
  EXPECT_EQ(settings.at("character_coverage").as_double(), 0.9995);
  EXPECT_EQ(settings.at("max_training_sentences").as_int(), 10'000'000);
  EXPECT_EQ(settings.at("max_sentence_length").as_int(), 32768);
  EXPECT_EQ(settings.at("seed_sentencepiece_size").as_int(), 1'000'000);
  EXPECT_EQ(settings.at("num_threads").as_int(), 8);
  EXPECT_EQ(settings.at("normalization_rule").as_string(), "identity");
  EXPECT_TRUE(settings.at("split_digits").as_bool());
  EXPECT_TRUE(settings.at("byte_fallback").as_bool());
  EXPECT_EQ(settings.at("corpus_manifest").as_string(), "data/datasets/tokenizer_corpus/manifest.json");
}

// L-1.8, L-1.9
TEST_F(TrainFrozen, EveryConfigKeyIsASettingAndUnknownOnesAreErrors) {
  const auto shown = [&](const std::string& body) {
    check(write_file_atomic(config(), body));
    return run_lathe({"tokenizer", "train", "--config", config(), "--print-config"});
  };
  const Json base = take(parse_json(shown("{}").out));
  const std::pair<const char*, const char*> keys[] = {
      {"kind", "\"spm\""}, {"model_type", "\"bpe\""}, {"character_coverage", "0.99"}, {"normalization_rule", "\"nfkc\""},
      {"remove_extra_whitespaces", "true"}, {"add_dummy_prefix", "true"}, {"byte_fallback", "false"}, {"split_digits", "false"},
      {"shuffle_input_sentence", "false"}, {"max_training_sentences", "5"}, {"max_training_bytes", "99"}, {"max_sentence_length", "77"},
      {"seed_sentencepiece_size", "1000"}, {"num_threads", "3"}, {"unk_id", "5"}, {"bos_id", "6"}, {"eos_id", "7"}, {"pad_id", "-1"},
      {"unk_piece", "\"U\""}, {"bos_piece", "\"B\""}, {"eos_piece", "\"E\""}, {"pad_piece", "\"P\""}, {"control_symbols", "[\"<x>\"]"},
      {"reserved_symbols", "2"}, {"user_defined_symbols", "[\"a\"]"}, {"corpus_manifest", "\"m\""}, {"vocab_size", "4242"}, {"seed", "9"}};
  for (const auto& [key, value] : keys) {
    const Json changed = take(parse_json(shown(join_text("{\"", key, "\": ", value, "}")).out));
    EXPECT_NE(changed.at(key), base.at(key)) << key;
  }
  for (const char* body : {R"({"vocab_sise": 5})", R"({"training": {"vocab_sise": 5}})", R"({"special_tokens": {"unk": {"peace": "x"}}})"}) {
    const Outcome outcome = shown(body);
    EXPECT_EQ(outcome.exit, Exit::kBadInput) << body;
    EXPECT_NE(outcome.err.find("did you mean"), std::string::npos) << outcome.err;
  }
}

// L-3.25, L-3.27
TEST_F(TrainFrozen, CharactersOfTheTrainingFileAreTheVocabulary) {
  const fs::path text = folder_.path() / "text.txt";
  check(write_file_atomic(text, "ba\xC3\xA9 ab\n"));
  const Outcome outcome = run_lathe({"tokenizer", "train", "--kind", "char", "--data", text, "--output-dir", output(), "--json"});
  ASSERT_EQ(outcome.exit, Exit::kDone) << outcome.err;
  const tokenizer::Tokenizer tokenizer = take(tokenizer::Tokenizer::load(output()));
  EXPECT_EQ(tokenizer.decode(tokenizer.encode("ab\xC3\xA9 ")), "ab\xC3\xA9 ");
  EXPECT_EQ(tokenizer.model().token(tokenizer.encode("\xC3\xA9")[0]), "\xC3\xA9");
  EXPECT_FALSE(tokenizer.model().check("xyz").ok());
  EXPECT_TRUE(fs::exists(output() / "tokenizer.json"));
  EXPECT_EQ(run_lathe({"tokenizer", "decode", "0", "1", "--tokenizer", output()}).exit, Exit::kDone);
}

// L-1.29
TEST_F(TrainFrozen, AnInterruptedRunLeavesNothingThatIsAccepted) {
  ASSERT_EQ(train().exit, Exit::kDone);
  const fs::path partial = output().string() + ".partial";
  fs::rename(output(), partial);
  fs::remove(partial / "manifest.json");
  EXPECT_FALSE(tokenizer::load_frozen(output()).ok());
  EXPECT_EQ(train().exit, Exit::kDone);
  EXPECT_FALSE(fs::exists(partial));
  EXPECT_TRUE(tokenizer::load_frozen(output()).ok());
}

}  // namespace
}  // namespace lathe::cli
