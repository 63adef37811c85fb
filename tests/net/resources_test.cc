#include "net/resources.h"

#include "tests/ref/testing.h"

namespace lathe::net {
namespace {

using testing::take;

DownloadPlan plan(const std::string& what, PlanOptions options = {}) { return take(plan_download(what, "/base", options, {})); }

// C-1.4, C-1.5, C-1.6
TEST(Resources, FineWebShardsAreNumberedFromZero) {
  PlanOptions options;
  options.num_files = 3;
  const DownloadPlan three = plan("fineweb", options);
  ASSERT_EQ(three.files.size(), 3u);
  EXPECT_EQ(three.files[2].url, "https://huggingface.co/datasets/karpathy/fineweb-edu-100b-shuffle/resolve/main/shard_00002.parquet");
  EXPECT_EQ(three.files[2].path, "/base/base_data/shard_00002.parquet");
  EXPECT_EQ(three.manifest, "/base/base_data/manifest.json");
  EXPECT_EQ(plan("fineweb").files.size(), 1823u);
  EXPECT_EQ(plan("fineweb").files.back().path, "/base/base_data/shard_01822.parquet");
  EXPECT_EQ(fineweb_shards(5000), 1823);
  EXPECT_EQ(fineweb_shards(0), 0);
  EXPECT_EQ(fineweb_shards(-2), 0);
}

// C-1.14, C-1.15, C-1.16
TEST(Resources, SingleFilesHaveTheirAddressesAndPlaces) {
  const DownloadPlan bundle = plan("eval-bundle");
  EXPECT_EQ(bundle.files.at(0).url, "https://karpathy-public.s3.us-west-2.amazonaws.com/eval_bundle.zip");
  EXPECT_EQ(bundle.files.at(0).path, "/base/eval_bundle.zip");
  EXPECT_EQ(bundle.unpack_to, "/base/eval_bundle");
  EXPECT_EQ(plan("identity").files.at(0).url, "https://karpathy-public.s3.us-west-2.amazonaws.com/identity_conversations.jsonl");
  EXPECT_EQ(plan("identity").files.at(0).path, "/base/identity_conversations.jsonl");
  EXPECT_EQ(plan("words").files.at(0).url, "https://raw.githubusercontent.com/dwyl/english-words/refs/heads/master/words_alpha.txt");
  EXPECT_EQ(plan("words").files.at(0).path, "/base/words_alpha.txt");
  EXPECT_EQ(plan("words").manifest, "/base/downloads.json");
}

// L-6.7
TEST(Resources, WikiTextIsTheRawFormByItsHash) {
  const DownloadPlan text = plan("wikitext2");
  EXPECT_EQ(text.files.at(0).path, "/base/wikitext-2-raw-v1.zip");
  EXPECT_EQ(text.files.at(0).sha256, "ef7edb566e3e2b2d31b29c1fdb0c89a4cc683597484c3dc2517919c615435a11");
  EXPECT_TRUE(text.files.at(0).url.ends_with("/datasets/ggml-org/ci/resolve/main/wikitext-2-raw-v1.zip"));
  EXPECT_EQ(text.unpack_to, "/base/wikitext-2-raw");
}

// C-1.19
TEST(Resources, ShardsForATokenBudget) {
  EXPECT_EQ(fineweb_shards_for(0, 1), 0);
  EXPECT_EQ(fineweb_shards_for(1e9, 1), 20);      // 4.8e9 characters / 250e6, rounded up
  EXPECT_EQ(fineweb_shards_for(1e9, 0.65), 30);   // 29.5
  EXPECT_EQ(fineweb_shards_for(250e6 / 4.8, 1), 1);
  EXPECT_EQ(fineweb_shards_for(250e6 / 4.8 + 1, 1), 2);
}

TEST(Resources, UnknownWordsNameTheNearestResource) {
  const auto out = plan_download("gsm8", "/base", {}, {});
  ASSERT_FALSE(out.ok());
  EXPECT_NE(out.error().message.find("did you mean \"gsm8k\"?"), std::string::npos) << out.error().message;
}

TEST(Resources, AMirrorReplacesTheOwnAddress) {
  PlanOptions options;
  options.num_files = 1;
  options.from = "s3://mirror/fineweb/";
  options.output_dir = "/elsewhere";
  EXPECT_EQ(plan("fineweb", options).files.at(0).url, "s3://mirror/fineweb/shard_00000.parquet");
  EXPECT_EQ(plan("fineweb", options).files.at(0).path, "/elsewhere/shard_00000.parquet");
}

// L-2.9
TEST(Resources, AGivenHashIsCheckedBeforeAnythingIsFetched) {
  PlanOptions options;
  options.sha256 = std::string(32, 'A') + std::string(32, '0');
  EXPECT_EQ(plan("words", options).files.at(0).sha256, std::string(32, 'a') + std::string(32, '0'));
  for (const std::string& wrong : {std::string("abc"), std::string(64, 'g'), std::string(65, '0')}) {
    options.sha256 = wrong;
    EXPECT_FALSE(plan_download("words", "/base", options, {}).ok()) << wrong;
  }
}

}  // namespace
}  // namespace lathe::net
