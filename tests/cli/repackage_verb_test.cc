#include <gmock/gmock.h>

#include "core/manifest.h"
#include "core/sha256.h"
#include "data/parquet.h"
#include "real_verbs.h"

namespace lathe::cli {
namespace {

using testing::take;
using ::testing::HasSubstr;

// C-17.15
TEST(RepackageVerb, WritesShardsOnceWithTheirManifest) {
  if (!data::parquet_available()) GTEST_SKIP() << "this build has no Parquet";
  const TemporaryFolder folder;
  std::string lines;
  for (int i = 0; i < 3000; ++i) lines += "{\"text\": \"document " + std::to_string(i) + "\"}\n";
  testing::check(write_file_atomic(folder.path() / "source/a.jsonl", lines));
  const std::vector<std::string> words = {"repackage", (folder.path() / "source").string(), "--base-dir", folder.path().string(), "--shard-chars", "10000", "--json"};
  const Outcome outcome = run_lathe(words);
  ASSERT_EQ(outcome.exit, Exit::kDone) << outcome.err;
  EXPECT_EQ(outcome.figures().at("shards").as_int(), 3);  // 1024 documents, 1024, 952
  EXPECT_EQ(outcome.figures().at("documents").as_int(), 3000);
  EXPECT_THAT(outcome.out, HasSubstr("shard_00000.parquet: 1,024 documents"));
  EXPECT_THAT(outcome.out, HasSubstr("s left"));
  const fs::path base_data = folder.path() / "base_data";
  const Manifest manifest = take(read_manifest(base_data, "repackage", ""));
  testing::check(verify_outputs(base_data, manifest, ""));
  EXPECT_EQ(manifest.outputs.size(), 3u);
  EXPECT_EQ(manifest.inputs.at(0).sha256, sha256_hex(lines));
  EXPECT_EQ(std::distance(fs::directory_iterator(base_data), fs::directory_iterator()), 4);

  EXPECT_THAT(run_lathe(words).out, HasSubstr("Already done"));
  std::vector<std::string> other = words;
  other[5] = "20000";
  EXPECT_EQ(run_lathe(other).exit, Exit::kBadInput);
  other.push_back("--force");
  EXPECT_EQ(run_lathe(other).figures().at("shards").as_int(), 2);
  EXPECT_FALSE(fs::exists(base_data / "shard_00002.parquet"));
}

TEST(RepackageVerb, NothingToReadIsAnError) {
  const TemporaryFolder folder;
  EXPECT_EQ(run_lathe({"repackage", folder.path().string(), "--base-dir", folder.path().string()}).exit, Exit::kBadInput);
  EXPECT_EQ(run_lathe({"repackage", "--base-dir", folder.path().string()}).exit, Exit::kUsage);
  testing::check(write_file_atomic(folder.path() / "empty.jsonl", ""));
  const std::string out = (folder.path() / "out").string();
  EXPECT_EQ(run_lathe({"repackage", (folder.path() / "empty.jsonl").string(), "--base-dir", folder.path().string(), "--output-dir", out}).exit, Exit::kBadInput);
  EXPECT_FALSE(fs::exists(out));
}

}  // namespace
}  // namespace lathe::cli
