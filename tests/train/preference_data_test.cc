// Preference sets as training reads them.
#include "train/preference_data.h"

#include <gtest/gtest.h>

#include <fstream>

#include "core/manifest.h"
#include "tests/train/tiny_run.h"

namespace lathe::train {
namespace {

using lathe::testing::check;
using lathe::testing::take;
using lathe::testing::tiny_tokenizer;

class PreferenceFolder : public ::testing::Test {
 protected:
  void SetUp() override { write(tiny_tokenizer().hash(), "chat", 1); }
  void write(const std::string& tokenizer_hash, const std::string& name, int64_t version) {
    std::string lines;
    for (int i = 0; i < 20; ++i)
      lines +=
          R"({"prompt": "question )" + std::to_string(i) + R"(", "chosen": "good", "rejected": "very bad"})" + "\n";
    check(write_file_atomic(folder_.path() / "train_00000.jsonl", lines));
    Manifest manifest;
    manifest.kind = "dpo_corpus";
    manifest.settings = Json::object();
    manifest.tokenizer_sha256 = tokenizer_hash;
    manifest.outputs = {take(record_file(folder_.path() / "train_00000.jsonl", "train_00000.jsonl"))};
    manifest.details["template"] = name;
    manifest.details["template_version"] = version;
    check(write_manifest(folder_.path(), manifest));
  }
  Result<PreferenceSet> load(const data::PairLimits& limits = {64, 32},
                             data::PreferenceSplit split = data::PreferenceSplit::kTrain) {
    return load_preference_set(folder_.path(), split, tiny_tokenizer(), take(tokenizer::ChatTemplate::find("chat")),
                               limits);
  }
  std::string refusal() {
    const auto set = load();
    return set.ok() ? "" : set.error().to_string();
  }
  TemporaryFolder folder_;
};

// L-9.13
TEST_F(PreferenceFolder, IsReadWithWhatWasCutCounted) {
  const PreferenceSet set = take(load());
  EXPECT_EQ(set.pairs.size(), 20u);
  EXPECT_EQ(set.prompts_cut, 0);
  EXPECT_EQ(take(load({64, 10})).prompts_cut, 20);
  EXPECT_NE(take(load({64, 10})).sha256, set.sha256);
  const PreferenceSet none = take(load({12, 11}));
  EXPECT_EQ(none.dropped, 20);
  EXPECT_TRUE(none.pairs.empty());
  EXPECT_TRUE(take(load({64, 32}, data::PreferenceSplit::kValidation)).pairs.empty());
  EXPECT_EQ(take(preference_template(folder_.path())), "chat");
}

// L-9.15, L-9.5
TEST_F(PreferenceFolder, OfAnotherTokenizerTemplateOrContentIsRefused) {
  EXPECT_EQ(refusal(), "");
  write(tiny_tokenizer({"more"}).hash(), "chat", 1);
  EXPECT_NE(refusal().find("Tokenizer mismatch"), std::string::npos);
  write(tiny_tokenizer().hash(), "chatml", 1);
  EXPECT_NE(refusal().find("chatml"), std::string::npos);
  write(tiny_tokenizer().hash(), "chat", 2);
  EXPECT_NE(refusal().find("version 2"), std::string::npos);
  write(tiny_tokenizer().hash(), "chat", 1);
  std::ofstream(folder_.path() / "train_00000.jsonl", std::ios::app) << "\n";
  EXPECT_NE(refusal().find("train_00000.jsonl"), std::string::npos);
  write(tiny_tokenizer().hash(), "chat", 1);
  fs::copy_file(folder_.path() / "train_00000.jsonl", folder_.path() / "train_00009.jsonl");  // nothing vouches for it
  EXPECT_NE(refusal().find("train_00009.jsonl"), std::string::npos);
  fs::remove(folder_.path() / "manifest.json");
  EXPECT_NE(refusal().find("lathe corpus dpo"), std::string::npos);
}

}  // namespace
}  // namespace lathe::train
