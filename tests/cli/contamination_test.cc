// Which items of an evaluation set stand in the training text.
#include "cli/contamination.h"

#include <gtest/gtest.h>

#include "core/manifest.h"
#include "core/text.h"
#include "corpus/evaluation_sets.h"
#include "tests/ref/testing.h"

namespace lathe::cli {
namespace {

// Sentences of 20 words that no other number has.
std::string sentence(int number) {
  std::string text;
  for (int i = 0; i < 20; ++i) text += join_text(i == 0 ? "" : " ", "w", number, "x", i);
  return text;
}

struct Files {
  TemporaryFolder folder;
  fs::path corpus = folder.path() / "corpus", set = folder.path() / "set.jsonl", other = folder.path() / "other.jsonl";
  Files() {
    std::string train, items, clean;
    for (int i = 0; i < 100; ++i) train += "{\"text\": \"before " + sentence(i) + " after\"}\n";
    // Two of four items stand in the training text, one of them in a field further in.
    items += "{\"query\": \"" + sentence(7) + "\", \"choices\": [\"a\", \"b\"]}\n";
    items += "{\"query\": \"q\", \"choices\": [\"" + sentence(8) + "\", \"b\"]}\n";
    items += "{\"query\": \"" + sentence(200) + "\"}\n{\"query\": \"short\"}\n";
    clean += "{\"query\": \"" + sentence(300) + "\"}\n";
    testing::check(write_file_atomic(corpus / "a.jsonl", train));
    testing::check(write_file_atomic(set, items));
    testing::check(write_file_atomic(other, clean));
  }
};

TEST(Contamination, AScanCountsTheItemsThatStandInTheTrainingText) {
  const Files files;
  const Json found = contamination_of_text(files.corpus, {files.set, files.other, files.set});
  EXPECT_EQ(found.at("checked").as_string(), "n-gram scan") << found.dump();
  EXPECT_TRUE(found.at("scanned_whole").as_bool());
  const Json& set = found.at("sets").at("set.jsonl");
  EXPECT_EQ(set.at("items").as_int(), 4);
  EXPECT_EQ(set.at("contaminated_items").as_int(), 2);
  EXPECT_EQ(set.at("share").as_double(), 0.5);
  EXPECT_EQ(set.at("documents").as_int(), 2);
  EXPECT_EQ(found.at("sets").at("other.jsonl").at("contaminated_items").as_int(), 0);
  EXPECT_NE(found.at("warning").as_string().find("2 of 5 items"), std::string::npos);
}

TEST(Contamination, ACleanSetHasNoWarning) {
  const Files files;
  const Json found = contamination_of_text(files.corpus, {files.other});
  EXPECT_EQ(found.at("sets").at("other.jsonl").at("share").as_double(), 0);
  EXPECT_FALSE(found.contains("warning"));
}

TEST(Contamination, APreparationThatRemovedTheSetIsBelievedAndOneThatKeptItIsNot) {
  const Files files;
  const auto sets = testing::take(corpus::read_evaluation_files({{files.set, "world/set"}}, corpus::kDefaultNgram));
  const auto write = [&](const char* action, const std::string& hash) {
    const Json entry(Json::Object{{"name", "world/set"}, {"sha256", hash}, {"documents", 3}});
    const Json record(Json::Object{{"enabled", true}, {"action", action}, {"ngram", 13}, {"sets", Json(Json::Array{entry})}});
    testing::check(write_json_atomic(files.corpus / "manifest.json", Json(Json::Object{{"decontamination", record}})));
    return contamination_of_text(files.corpus, {files.set}).at("checked").as_string();
  };
  EXPECT_EQ(write("remove", sets[0].sha256()), "removed at preparation");
  EXPECT_EQ(write("flag", sets[0].sha256()), "n-gram scan");
  EXPECT_EQ(write("remove", std::string(64, '0')), "n-gram scan");
}

TEST(Contamination, WhatCannotBeCheckedIsUnknownAndNoNumber) {
  const Files files;
  for (const Json& found : {contamination_of_text(files.folder.path() / "absent", {files.set}), contamination_of_text(files.corpus, {files.folder.path() / "absent.jsonl"}),
                            contamination_of_text(files.corpus, {})}) {
    EXPECT_TRUE(found.at("checked").as_string().starts_with("unknown: ")) << found.dump();
    EXPECT_EQ(found.size(), 1u);
  }
}

TEST(Contamination, ALongTextIsScannedInPart) {
  const Files files;
  std::string many;
  for (int i = 0; i < 5000; ++i) many += "{\"text\": \"" + sentence(1000 + i) + "\"}\n";
  testing::check(write_file_atomic(files.corpus / "b.jsonl", many));
  const Json found = contamination_of_text(files.corpus, {files.set}, 10000);
  EXPECT_FALSE(found.at("scanned_whole").as_bool());
  EXPECT_LT(found.at("scanned_bytes").as_int(), 1000000);
}

// A base run and a fine-tuning of it, as training records them.
struct Stages : Files {
  fs::path base = folder.path() / "base";
  fs::path run(const char* root, int step) const { return base / root / "d2" / join_text("step_", step); }
  void stage(const fs::path& to, const std::string& name, Json settings, const std::vector<std::string>& sources) const {
    testing::check(make_folders(to));
    testing::check(write_file_atomic(to / "model.safetensors", name));
    testing::check(write_json_atomic(to / "meta.json", Json(Json::Object{{"stage", name}, {"step", 1}, {"user_config", std::move(settings)}})));
    if (!sources.empty())
      testing::check(write_json_atomic(to / "manifest.json", Json(Json::Object{{"sources", Json(Json::Array(sources.begin(), sources.end()))}})));
  }
  Stages() {
    stage(run("base_checkpoints", 1), "base", Json(Json::Object{{"data", corpus.string()}}), {});
    testing::check(write_file_atomic(base / "sft/train.jsonl", "[{\"role\": \"user\", \"content\": \"" + sentence(300) + "\"}, {\"role\": \"assistant\", \"content\": \"a\"}]\n"));
    stage(run("chatsft_checkpoints", 1), "sft", Json::object(), {"../../../base_checkpoints/d2/step_1/model.safetensors", "../../../sft/train.jsonl"});
  }
};

TEST(Contamination, EveryStageDownToTheBaseRunIsLookedAt) {
  const Stages stages;
  const Json found = contamination_of_stages(trained_stages(stages.base, stages.run("chatsft_checkpoints", 1)), {stages.set, stages.other});
  EXPECT_EQ(found.at("checked").as_string(), "by stage") << found.dump();
  const Json &base = found.at("stages").at("base").at("sets"), &sft = found.at("stages").at("sft").at("sets");
  EXPECT_EQ(base.at("set.jsonl").at("contaminated_items").as_int(), 2);
  EXPECT_EQ(base.at("other.jsonl").at("contaminated_items").as_int(), 0);
  EXPECT_EQ(sft.at("set.jsonl").at("contaminated_items").as_int(), 0);
  EXPECT_EQ(sft.at("other.jsonl").at("contaminated_items").as_int(), 1);
  const std::string warning = found.at("warning").as_string();
  EXPECT_NE(warning.find("base: 2 of 5 items"), std::string::npos) << warning;
  EXPECT_NE(warning.find("sft: 1 of 5 items"), std::string::npos) << warning;
}

TEST(Contamination, AStageWhoseDataIsGoneIsUnknownAndTheOthersAreTold) {
  const Stages stages;
  fs::remove(stages.base / "sft/train.jsonl");
  const Json found = contamination_of_stages(trained_stages(stages.base, stages.run("chatsft_checkpoints", 1)), {stages.set});
  EXPECT_TRUE(found.at("stages").at("sft").at("checked").as_string().starts_with("unknown: its training data is not on this machine"));
  EXPECT_EQ(found.at("stages").at("base").at("checked").as_string(), "n-gram scan");
}

TEST(Contamination, PackedTokensLeadToTheTextTheyWereMadeFrom) {
  const Stages stages;
  Manifest manifest;
  manifest.kind = "packed";
  manifest.settings = Json::object();
  manifest.config_sha256 = config_hash(manifest.settings);
  manifest.inputs.push_back(testing::take(record_file(stages.corpus / "a.jsonl")));
  testing::check(make_folders(stages.base / "packed"));
  testing::check(write_manifest(stages.base / "packed", manifest));
  stages.stage(stages.run("base_checkpoints", 2), "base", Json::object(), {"../../../packed/manifest.json"});
  const Json found = contamination_of_stages(trained_stages(stages.base, stages.run("base_checkpoints", 2)), {stages.set});
  EXPECT_EQ(found.at("sets").at("set.jsonl").at("contaminated_items").as_int(), 2) << found.dump();
}

TEST(Contamination, WithoutARecordAStageIsUnknown) {
  const Stages stages;
  stages.stage(stages.run("chatrl_checkpoints", 1), "rl", Json::object(), {});
  for (const fs::path& folder : {stages.run("chatrl_checkpoints", 1), stages.run("chatrl_checkpoints", 7)}) {
    const Json found = contamination_of_stages(trained_stages(stages.base, folder), {stages.set});
    EXPECT_TRUE(found.at("checked").as_string().starts_with("unknown: ")) << found.dump();
  }
}

}  // namespace
}  // namespace lathe::cli
