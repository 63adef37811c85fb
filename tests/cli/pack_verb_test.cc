#include <gtest/gtest.h>

#include <map>

#include "core/manifest.h"
#include "core/rng.h"
#include "core/sha256.h"
#include "data/packed_folder.h"
#include "real_verbs.h"
#include "tokenizer/tokenizer.h"
#include "train/packed_data.h"

namespace lathe::cli {
namespace {

using lathe::testing::check;
using lathe::testing::take;

std::string some_records(int64_t count, uint64_t seed) {
  std::string out;
  for (int64_t i = 0; i < count; ++i) {
    Rng rng(seed, "records", static_cast<uint64_t>(i));
    std::string text;
    for (uint64_t n = 20 + rng.below(200); n > 0; --n) text += static_cast<char>('a' + rng.below(26));
    out += Json(Json::Object{{"text", text}, {"source", i % 3 == 0 ? "books" : "web"}, {"id", join_text(seed, '-', i)}})
               .dump() +
           "\n";
  }
  return out;
}

void make_tokenizer(const fs::path& folder, const std::vector<std::string>& special) {
  std::vector<std::string> tokens;
  for (int byte = 0; byte < 256; ++byte) tokens.emplace_back(1, static_cast<char>(byte));
  check(take(tokenizer::Tokenizer::from_tokens(tokens, special)).save(folder));
}

class PackVerb : public ::testing::Test {
 protected:
  void SetUp() override {
    make_tokenizer(at("tok"), tokenizer::chat_special_tokens());
    make_corpus("corpus", 1);
  }
  fs::path at(const std::string& name) const { return base_.path() / name; }
  // As lathe corpus leaves it.
  void make_corpus(const std::string& name, uint64_t seed) {
    Manifest manifest;
    manifest.kind = "corpus";
    manifest.settings = Json::object();
    manifest.counts["estimated_tokens"] = 50000;
    for (const char* shard : {"shard_0000.jsonl", "shard_0001.jsonl"}) {
      check(write_file_atomic(at(name) / shard, some_records(200, seed * 2 + static_cast<uint64_t>(shard[9] - '0'))));
      manifest.outputs.push_back(take(record_file(at(name) / shard, shard)));
    }
    check(write_file_atomic(at(name) / "examples.jsonl", "{\"not\": \"text\"}\n"));
    manifest.outputs.push_back(take(record_file(at(name) / "examples.jsonl", "examples.jsonl")));
    check(write_manifest(at(name), manifest));
  }
  Outcome pack(const std::string& corpus, const std::string& out, std::vector<std::string> more = {},
               const std::string& verb = "pack") {
    std::vector<std::string> words = {verb,
                                      "--corpus-dir",
                                      at(corpus).string(),
                                      "--tokenizer-dir",
                                      at("tok").string(),
                                      "--output-dir",
                                      at(out).string(),
                                      "--json"};
    words.insert(words.end(), more.begin(), more.end());
    return run_lathe(words);
  }
  std::map<std::string, std::string> hashes(const std::string& name) const {
    std::map<std::string, std::string> all;
    for (const auto& entry : fs::directory_iterator(at(name)))
      all[entry.path().filename().string()] = take(sha256_file(entry.path()));
    return all;
  }
  TemporaryFolder base_;
};

// L-1.31, L-1.33, L-4.11
TEST_F(PackVerb, WritesShardsAndManifestUnderTheSeedsNames) {
  const Outcome outcome = pack("corpus", "set", {"--sequence-length", "32"}, "30_pack_dataset");
  ASSERT_EQ(outcome.exit, Exit::kDone) << outcome.err;
  for (const char* name : {"train.bin", "train.idx", "val.bin", "val.idx", "manifest.json", "final_manifest.json"})
    EXPECT_TRUE(fs::exists(at("set") / name)) << name;
  EXPECT_EQ(hashes("set").size(), 6u) << "nothing else is left there";
  const Manifest manifest = take(read_manifest(at("set"), "packed", ""));
  EXPECT_EQ(manifest.tokenizer_sha256, take(tokenizer::Tokenizer::load(at("tok"))).hash());
  EXPECT_EQ(manifest.details.get_string("corpus_manifest_sha256", ""),
            take(sha256_file(at("corpus") / "manifest.json")));
  EXPECT_EQ(manifest.settings.get_int("sequence_length", 0), 32);
  EXPECT_EQ(manifest.counts.get_int("documents", 0), 400);
  EXPECT_EQ(manifest.counts.get_int("estimated_tokens", 0), 50000);
  // L-1.11: the settings are shown.
  EXPECT_NE(outcome.out.find("\"sequence_length\": 32"), std::string::npos);
  EXPECT_NE(outcome.out.find("books"), std::string::npos);
}

// L-1.32, L-4.1, L-4.2
TEST_F(PackVerb, TheShippedConfigHasTheLabsValues) {
  const Json config = take(read_json(fs::path(LATHE_SOURCE_DIR) / "configs/lab/pretrain/packing/default.json"));
  EXPECT_EQ(config,
            take(parse_json(
                R"({"packing_params": {"sequence_length": 1024, "train_val_split": 0.95, "packing_strategy": "greedy",
    "shuffle": true, "seed": 42}, "optimization": {"shard_size": 100000, "num_workers": 4, "buffer_size": 10000}})")));
  const Outcome shown = run_lathe({"pack", "--config", "config/pretrain/packing/default.json", "--print-config"});
  ASSERT_EQ(shown.exit, Exit::kDone) << shown.err;
  for (const char* line : {"\"sequence_length\": 1024", "\"train_val_split\": 0.95", "\"shard_size\": 100000",
                           "\"buffer_size\": 10000", "\"seed\": 42"})
    EXPECT_NE(shown.out.find(line), std::string::npos) << line;
}

// L-1.8, L-1.9
TEST_F(PackVerb, EveryConfigKeyChangesTheResolvedSettingsAndUnknownOnesAreRefused) {
  const auto resolved = [&](const std::string& json) {
    check(write_file_atomic(at("c.json"), json));
    return run_lathe({"pack", "--config", at("c.json").string(), "--print-config"});
  };
  const std::string defaults = resolved("{}").out;
  for (const char* entry : {R"("sequence_length": 7)", R"("train_val_split": 0.5)", R"("packing_strategy": "best_fit")",
                            R"("shuffle": false)", R"("seed": 9)", R"("add_bos": true)", R"("tail": "pad")",
                            R"("mask_across_documents": true)"}) {
    const Outcome outcome = resolved(join_text("{\"packing_params\": {", entry, ", \"_note\": 1}, \"_c\": {}}"));
    EXPECT_EQ(outcome.exit, Exit::kDone) << outcome.err;
    EXPECT_NE(outcome.out, defaults) << entry;
    EXPECT_NE(outcome.out.find(entry), std::string::npos) << entry;
  }
  for (const char* entry : {R"("shard_size": 7)", R"("num_workers": 0)", R"("buffer_size": 5)"})
    EXPECT_NE(resolved(join_text("{\"optimization\": {", entry, "}}")).out.find(entry), std::string::npos) << entry;
  const Outcome wrong = resolved(R"({"packing_params": {"sequence_lenght": 7}})");
  EXPECT_EQ(wrong.exit, Exit::kBadInput);
  EXPECT_NE(wrong.err.find("packing_params.sequence_lenght\"; did you mean \"sequence_length\""), std::string::npos)
      << wrong.err;
  EXPECT_EQ(resolved(R"({"packing_parms": {}})").exit, Exit::kBadInput);
}

// L-1.15, L-4.16
TEST_F(PackVerb, IsDoneOnceAndForceTouchesItsOwnFolderAlone) {
  make_corpus("other", 2);
  ASSERT_EQ(pack("corpus", "set", {"--sequence-length", "32"}).exit, Exit::kDone);
  ASSERT_EQ(pack("other", "set2", {"--sequence-length", "32"}).exit, Exit::kDone);
  const auto before = hashes("set"), neighbour = hashes("set2");
  const Outcome again = pack("corpus", "set", {"--sequence-length", "32", "--num-workers", "1"});
  EXPECT_EQ(again.exit, Exit::kDone);
  EXPECT_NE(again.out.find("already done"), std::string::npos);
  EXPECT_EQ(hashes("set"), before);
  const fs::path ids = at("set") / "train.bin";
  const std::string bytes = take(read_file(ids));
  check(write_file_atomic(ids, bytes.substr(2)));
  EXPECT_EQ(pack("corpus", "set", {"--sequence-length", "32"}).exit, Exit::kBadInput);  // done once, damaged since
  check(write_file_atomic(ids, bytes));
  const Outcome refused = pack("corpus", "set", {"--sequence-length", "64"});
  EXPECT_EQ(refused.exit, Exit::kBadInput);
  EXPECT_NE(refused.err.find("--force"), std::string::npos);
  EXPECT_EQ(hashes("set"), before);
  ASSERT_EQ(pack("corpus", "set", {"--sequence-length", "64", "--force"}).exit, Exit::kDone);
  EXPECT_NE(hashes("set"), before);
  EXPECT_EQ(hashes("set2"), neighbour);
}

// L-1.34, L-1.13, L-3.22
TEST_F(PackVerb, BlockingErrorsNameWhatIsWrongAndTheCommandThatMakesIt) {
  EXPECT_EQ(run_lathe({"pack", "--corpus-dir", at("corpus").string(), "--output-dir", at("o").string()}).exit,
            Exit::kUsage)
      << "there is no default tokenizer";
  fs::rename(at("tok"), at("hidden"));
  Outcome outcome = pack("corpus", "set");
  EXPECT_EQ(outcome.exit, Exit::kBadInput);
  EXPECT_NE(outcome.err.find("No tokenizer found"), std::string::npos) << outcome.err;
  EXPECT_NE(outcome.err.find("lathe tokenizer train"), std::string::npos);
  fs::rename(at("hidden"), at("tok"));

  std::string shard = take(read_file(at("corpus/shard_0001.jsonl")));
  shard[20] = shard[20] == 'a' ? 'b' : 'a';
  check(write_file_atomic(at("corpus/shard_0001.jsonl"), shard));
  outcome = pack("corpus", "set", {"--sequence-length", "32"});
  EXPECT_EQ(outcome.exit, Exit::kBadInput);
  EXPECT_NE(outcome.err.find("shard_0001.jsonl: was changed"), std::string::npos) << outcome.err;
  fs::remove(at("corpus/manifest.json"));
  outcome = pack("corpus", "set");
  EXPECT_EQ(outcome.exit, Exit::kBadInput);
  EXPECT_NE(outcome.err.find("lathe corpus --config"), std::string::npos) << outcome.err;
  EXPECT_FALSE(fs::exists(at("set")));
}

class TrainOnPacked : public PackVerb {
 protected:
  void SetUp() override {
    PackVerb::SetUp();
    make_corpus("other", 2);
    ASSERT_EQ(pack("corpus", "a", {"--sequence-length", "32"}).exit, Exit::kDone);
    ASSERT_EQ(pack("other", "b", {"--sequence-length", "32"}).exit, Exit::kDone);
  }
  Outcome train(std::vector<std::string> more, const std::string& run = "base") {
    std::vector<std::string> words = {"train",
                                      "--base-dir",
                                      at(run).string(),
                                      "--tokenizer-dir",
                                      at("tok").string(),
                                      "--depth",
                                      "1",
                                      "--head-dim",
                                      "16",
                                      "--aspect-ratio",
                                      "32",
                                      "--device-batch-size",
                                      "2",
                                      "--total-batch-size",
                                      "128",
                                      "--num-iterations",
                                      "6",
                                      "--dtype",
                                      "fp32",
                                      "--eval-every",
                                      "3",
                                      "--eval-tokens",
                                      "128",
                                      "--sample-every",
                                      "-1",
                                      "--core-metric-every",
                                      "-1",
                                      "--json"};
    words.insert(words.end(), more.begin(), more.end());
    return run_lathe(words);
  }
};

// L-5.22
TEST_F(TrainOnPacked, OneSetByDataAndSeveralByTheirWeights) {
  const Outcome one = train({"--data", at("a").string()});
  ASSERT_EQ(one.exit, Exit::kDone) << one.err;
  EXPECT_EQ(one.figures().at("step").as_int(), 6);
  EXPECT_GT(one.figures().at("val_bpb").as_double(), 0);
  const Outcome two = train({"--data-dirs", at("a").string(), at("b").string(), "--data-weights", "0.67", "0.33",
                             "--log-dataset-mix-steps", "2"},
                            "two");
  ASSERT_EQ(two.exit, Exit::kDone) << two.err;
  EXPECT_NE(two.out.find("weight 0.6700"), std::string::npos) << two.out;
  EXPECT_NE(two.out.find("Mix at step 4: "), std::string::npos);
  // The number of workers and the cut into micro batches change nothing.
  const Outcome same =
      train({"--data-dirs", at("a").string(), at("b").string(), "--data-weights", "0.67", "0.33", "--num-workers", "0"},
            "three");
  EXPECT_EQ(same.figures().at("loss").as_double(), two.figures().at("loss").as_double());
}

// L-5.25
TEST_F(TrainOnPacked, AResumedRunIsTheUninterruptedOne) {
  const std::vector<std::string> data = {"--data-dirs", at("a").string(), at("b").string(), "--save-every", "3"};
  const Outcome whole = train(data);
  ASSERT_EQ(whole.exit, Exit::kDone) << whole.err;
  std::vector<std::string> resumed = data;
  resumed.insert(resumed.end(), {"--resume-from-step", "3"});
  const Outcome rest = train(resumed);
  ASSERT_EQ(rest.exit, Exit::kDone) << rest.err;
  EXPECT_EQ(rest.figures().at("loss").as_double(), whole.figures().at("loss").as_double());
  EXPECT_EQ(rest.figures().at("val_bpb").as_double(), whole.figures().at("val_bpb").as_double());
}

// L-1.38, L-5.30
TEST_F(TrainOnPacked, AnotherTokenizerALongerSequenceOrWrongWeightsAreRefused) {
  const auto refusal = [&](std::vector<std::string> words) {
    const Outcome outcome = train(std::move(words));
    return outcome.exit == Exit::kBadInput ? outcome.err : "exit " + std::to_string(static_cast<int>(outcome.exit));
  };
  EXPECT_NE(refusal({"--data", at("a").string(), "--max-seq-len", "16"}).find("sequences of 32 tokens"),
            std::string::npos);
  EXPECT_NE(refusal({"--data-dirs", at("a").string(), "--data-weights", "1", "2"}).find("data_weights"),
            std::string::npos);
  EXPECT_NE(refusal({"--data-dirs", at("a").string(), at("corpus").string()}).find("one of kind \"packed\" is needed"),
            std::string::npos);
  std::vector<std::string> special = tokenizer::chat_special_tokens();
  special.back() += "x";
  make_tokenizer(at("tok"), special);
  const std::string text = refusal({"--data-dirs", at("a").string(), at("b").string()});
  EXPECT_NE(text.find("Tokenizer mismatch between datasets"), std::string::npos) << text;
  EXPECT_NE(text.find("lathe pack"), std::string::npos);
}

TEST_F(TrainOnPacked, TokenFilesOfOtherProgramsTrainToo) {
  fs::create_directories(at("nano"));
  std::string bytes;
  for (int i = 0; i < 4000; ++i) {
    const auto token = static_cast<uint16_t>('a' + i % 26);
    bytes.append(reinterpret_cast<const char*>(&token), 2);
  }
  check(write_file_atomic(at("nano/train.bin"), bytes));
  check(write_file_atomic(at("nano/val.bin"), bytes.substr(0, 400)));
  const Outcome outcome = train({"--data", at("nano/train.bin").string(), "--max-seq-len", "32"});
  ASSERT_EQ(outcome.exit, Exit::kDone) << outcome.err;
  EXPECT_GT(outcome.figures().at("val_bpb").as_double(), 0);
  const Outcome mixed = train({"--data-dirs", at("nano/train.bin").string(), at("a").string()}, "mixed");
  EXPECT_EQ(mixed.exit, Exit::kDone) << mixed.err;
}

// L-4.8: what was packed with the wish reaches training with its documents; the two kinds are not mixed.
TEST_F(PackVerb, WishToKeepDocumentsApartReachesTheLoader) {
  ASSERT_EQ(pack("corpus", "apart", {"--sequence-length", "256", "--mask-across-documents"}).exit, Exit::kDone);
  ASSERT_EQ(pack("corpus", "plain", {"--sequence-length", "256"}).exit, Exit::kDone);
  const tokenizer::Tokenizer tokenizer = take(tokenizer::Tokenizer::load(at("tok")));
  const auto open = [&](const std::vector<std::string>& folders) { return train::PackedData::open(folders, {}, tokenizer, "tok", 256); };
  for (const bool apart : {true, false}) {
    const auto packed = take(open({at(apart ? "apart" : "plain").string()}));
    for (const data::Split split : {data::Split::kTrain, data::Split::kValidation}) {
      data::PackedLoaderOptions options;
      options.rows = 4;
      const auto loader = take(packed.loader(split, options));
      data::TokenBatch batch;
      check(loader->next(batch));
      ASSERT_EQ(batch.documents.size(), apart ? 4u * 256 : 0u);
      if (!apart) continue;
      const int32_t bos = tokenizer.bos_id();
      int64_t starts = 0;
      for (size_t i = 1; i < batch.documents.size(); ++i)
        if (i % 256 != 0) {
          EXPECT_EQ(batch.documents[i] != batch.documents[i - 1], batch.inputs()[i] == bos) << i;
          starts += batch.inputs()[i] == bos;
        }
      EXPECT_GT(starts, 3);
    }
  }
  const auto mixed = open({at("apart").string(), at("plain").string()});
  ASSERT_FALSE(mixed.ok());
  EXPECT_NE(mixed.error().to_string().find("--mask-across-documents"), std::string::npos);
}

}  // namespace
}  // namespace lathe::cli
