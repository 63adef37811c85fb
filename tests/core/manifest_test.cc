// Rows L-1.12, L-1.13.
#include "core/manifest.h"

#include <gtest/gtest.h>

namespace lathe {
namespace {

class ManifestTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(write_file_atomic(folder_.path() / "shard_0000.txt", "one\n").ok());
    ASSERT_TRUE(write_file_atomic(folder_.path() / "sub" / "shard_0001.txt", "two two\n").ok());
    manifest_.kind = "corpus";
    manifest_.settings = Json(Json::Object{{"shard_size", 10}, {"name", "x"}});
    manifest_.config_sha256 = config_hash(manifest_.settings);
    manifest_.seed = 7;
    manifest_.counts["documents"] = 2;
    manifest_.details["evaluation_sets"] = Json::array();
    manifest_.seconds = 1.5;
    for (const char* name : {"shard_0000.txt", "sub/shard_0001.txt"}) manifest_.outputs.push_back(record_file(folder_.path() / name, name).value());
    ASSERT_TRUE(write_manifest(folder_.path(), manifest_).ok());
  }
  std::string verify_error() { return verify_outputs(folder_.path(), manifest_, "lathe corpus --config x.json").error().to_string(); }
  void rewrite(const std::string& key, const Json& value) {
    Json json = read_json(folder_.path() / kManifestFile).value();
    json[key] = value;
    ASSERT_TRUE(write_json_atomic(folder_.path() / kManifestFile, json).ok());
  }

  TemporaryFolder folder_;
  Manifest manifest_;
};

// L-1.12
TEST_F(ManifestTest, SaysWhatItWasToldAndIsReadBack) {
  const Manifest read = read_manifest(folder_.path(), "corpus", "").value();
  EXPECT_EQ(read.to_json(), manifest_.to_json());
  EXPECT_EQ(read.outputs, manifest_.outputs);
  EXPECT_EQ(read.outputs[0].sha256, "2c8b08da5ce60398e1f19af0e5dccc744df274b826abe585eaba68c525434806");
  EXPECT_EQ(read.to_json().get_string("tool", ""), "lathe");
  EXPECT_TRUE(read.details.contains("evaluation_sets"));
}

TEST(ConfigHash, DependsOnValuesNotOnTheOrderOfKeys) {
  const Json a = parse_json(R"({"x": 1, "y": {"b": [1, 2], "a": "t"}})").value();
  const Json b = parse_json(R"({"y": {"a": "t", "b": [1, 2]}, "x": 1})").value();
  const Json c = parse_json(R"({"y": {"a": "t", "b": [2, 1]}, "x": 1})").value();
  EXPECT_EQ(config_hash(a), config_hash(b));
  EXPECT_NE(config_hash(a), config_hash(c));
}

// L-1.12
TEST_F(ManifestTest, EveryOutputIsVerifiedByItsBytes) {
  EXPECT_TRUE(verify_outputs(folder_.path(), manifest_, "").ok());
  ASSERT_TRUE(write_file_atomic(folder_.path() / "sub" / "shard_0001.txt", "two twO\n").ok());
  EXPECT_NE(verify_error().find("shard_0001.txt: was changed"), std::string::npos) << verify_error();
  ASSERT_TRUE(write_file_atomic(folder_.path() / "sub" / "shard_0001.txt", "two\n").ok());
  EXPECT_NE(verify_error().find("has 4 bytes, its manifest says 8"), std::string::npos) << verify_error();
  fs::remove(folder_.path() / "shard_0000.txt");
  EXPECT_NE(verify_error().find("shard_0000.txt: is absent"), std::string::npos) << verify_error();
  EXPECT_NE(verify_error().find("lathe corpus --config x.json"), std::string::npos);
}

TEST_F(ManifestTest, AFolderWithoutAManifestHasNothingToVerify) {
  EXPECT_TRUE(verify_recorded(folder_.path() / "sub", "").ok());
  EXPECT_TRUE(verify_recorded(folder_.path(), "").ok());
  fs::remove(folder_.path() / "shard_0000.txt");
  EXPECT_FALSE(verify_recorded(folder_.path(), "").ok());
}

// L-1.13
TEST_F(ManifestTest, WhatIsNotTheWantedManifestIsRefused) {
  const auto error = [&](const std::string& kind) { return read_manifest(folder_.path(), kind, "make it: lathe corpus").error().to_string(); };
  EXPECT_NE(error("packed").find("is a manifest of kind \"corpus\", one of kind \"packed\" is needed; make it: lathe corpus"), std::string::npos) << error("packed");
  rewrite("schema", 99);
  EXPECT_NE(error("corpus").find("has schema 99"), std::string::npos);
  rewrite("schema", 1);
  rewrite("outputs", parse_json(R"([{"path": "../../etc/passwd", "bytes": 1, "sha256": ")" + std::string(64, 'a') + "\"}]").value());
  EXPECT_NE(error("corpus").find("outside of its folder"), std::string::npos) << error("corpus");
  rewrite("outputs", parse_json(R"([{"path": "a", "bytes": -1, "sha256": "zz"}])").value());
  EXPECT_NE(error("corpus").find("an entry of \"outputs\""), std::string::npos);
  rewrite("outputs", 3);
  EXPECT_NE(error("corpus").find("must be a list"), std::string::npos);
  fs::remove(folder_.path() / kManifestFile);
  EXPECT_NE(error("corpus").find("make it: lathe corpus"), std::string::npos);
}

}  // namespace
}  // namespace lathe
