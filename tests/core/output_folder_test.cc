// Rows L-1.14, L-1.15.
#include "core/output_folder.h"

#include <gtest/gtest.h>

#include "core/manifest.h"

namespace lathe {
namespace {

class OutputFolderTest : public testing::Test {
 protected:
  Result<OutputFolder> open(const std::string& config, bool force = false) { return OutputFolder::open(out_, config, force); }
  void write(const OutputFolder& folder, const std::string& text) {
    ASSERT_TRUE(write_file_atomic(folder.work() / "a.txt", text).ok());
  }
  void finish(OutputFolder& folder, const std::string& config) {
    Manifest manifest;
    manifest.kind = "test";
    manifest.settings = Json::object();
    manifest.config_sha256 = config;
    ASSERT_TRUE(write_manifest(folder.work(), manifest).ok());
    ASSERT_TRUE(folder.commit().ok());
  }
  void make(const std::string& config, const std::string& text, bool force = false) {
    OutputFolder folder = open(config, force).value();
    write(folder, text);
    finish(folder, config);
  }
  std::string content() { return read_file(out_ / "a.txt").value(); }
  std::vector<std::string> names() {
    std::vector<std::string> list;
    for (const auto& entry : fs::directory_iterator(root_.path())) list.push_back(entry.path().filename().string());
    std::sort(list.begin(), list.end());
    return list;
  }

  TemporaryFolder root_;
  fs::path out_ = root_.path() / "out";
};

// L-1.14
TEST_F(OutputFolderTest, NothingStandsUnderTheNameBeforeTheEnd) {
  {
    OutputFolder folder = open("c1").value();
    EXPECT_FALSE(folder.done());
    EXPECT_FALSE(folder.continued());
    write(folder, "half");
    EXPECT_FALSE(fs::exists(out_));
  }
  EXPECT_FALSE(fs::exists(out_));
  OutputFolder again = open("c1").value();
  EXPECT_TRUE(again.continued());
  EXPECT_EQ(read_file(again.work() / "a.txt").value(), "half");
  finish(again, "c1");
  EXPECT_EQ(content(), "half");
}

TEST_F(OutputFolderTest, WhatOtherSettingsLeftBehindIsNotTakenUp) {
  {
    OutputFolder folder = open("c1").value();
    write(folder, "half");
  }
  OutputFolder other = open("c2").value();
  EXPECT_FALSE(other.continued());
  EXPECT_FALSE(fs::exists(other.work() / "a.txt"));
}

// L-1.15
TEST_F(OutputFolderTest, EqualSettingsAreDoneOthersNeedForce) {
  make("c1", "first");
  EXPECT_EQ(names(), (std::vector<std::string>{"out"}));
  EXPECT_TRUE(open("c1").value().done());
  const Result<OutputFolder> refused = open("c2");
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error().to_string().find("holds the result of other settings; choose another folder, or --force"), std::string::npos);
  EXPECT_EQ(content(), "first");
  {
    OutputFolder forced = open("c2", true).value();
    write(forced, "second");
    EXPECT_EQ(content(), "first");  // until the end
    finish(forced, "c2");
  }
  EXPECT_EQ(content(), "second");
  EXPECT_EQ(names(), (std::vector<std::string>{"out"}));
}

TEST_F(OutputFolderTest, AFolderThatIsNotOursIsLeftAlone) {
  ASSERT_TRUE(write_file_atomic(out_ / "thesis.txt", "years").ok());
  EXPECT_NE(open("c1").error().to_string().find("is not empty and holds no manifest"), std::string::npos);
  EXPECT_EQ(read_file(out_ / "thesis.txt").value(), "years");
}

TEST_F(OutputFolderTest, TwoAtOnceAreNotAllowed) {
  const OutputFolder first = open("c1").value();
  const Result<OutputFolder> second = open("c1");
  ASSERT_FALSE(second.ok());
  EXPECT_NE(second.error().to_string().find("another process is writing this folder"), std::string::npos);
}

TEST_F(OutputFolderTest, ACrashBetweenTheRenamesLosesNothing) {
  make("c1", "first");
  fs::rename(out_, out_.string() + ".old");
  EXPECT_TRUE(open("c1").value().done());
  EXPECT_EQ(content(), "first");
}

TEST_F(OutputFolderTest, ATrailingSlashIsTheSameFolder) {
  out_ = root_.path() / "out" / "";
  make("c1", "first");
  EXPECT_EQ(names(), (std::vector<std::string>{"out"}));
}

}  // namespace
}  // namespace lathe
