// Row L-15.9.
#include "cli/config_files.h"

#include <gtest/gtest.h>

namespace lathe::cli {
namespace {

class ConfigFilesTest : public testing::Test {
 protected:
  void SetUp() override {
    before_ = fs::current_path();
    fs::current_path(folder_.path());
  }
  void TearDown() override { fs::current_path(before_); }
  static void make(const fs::path& path) { ASSERT_TRUE(write_file_atomic(path, "{}").ok()); }

  TemporaryFolder folder_;
  fs::path before_;
};

// L-15.9
TEST_F(ConfigFilesTest, ThePathItselfWinsThenTheShippedSettings) {
  make("configs/lab/pretrain/x.json");
  EXPECT_EQ(find_config("config/pretrain/x.json").value(), "configs/lab/pretrain/x.json");
  EXPECT_EQ(find_config("pretrain/x.json").value(), "configs/lab/pretrain/x.json");
  make("config/pretrain/x.json");
  EXPECT_EQ(find_config("config/pretrain/x.json").value(), "config/pretrain/x.json");
}

TEST_F(ConfigFilesTest, WhatIsNowhereIsNamed) {
  EXPECT_NE(find_config("config/none.json").error().to_string().find("config/none.json: no such file"), std::string::npos);
  EXPECT_FALSE(find_config("").ok());
  EXPECT_FALSE(find_config("/none.json").ok());
}

// L-1.10
TEST_F(ConfigFilesTest, APathInAConfigIsOfTheWorkingFolderThenOfTheConfigs) {
  make("a/main.json");
  make("a/arch/small.json");
  EXPECT_EQ(find_from_config("arch/small.json", "a/main.json").value(), "a/arch/small.json");
  make("arch/small.json");
  EXPECT_EQ(find_from_config("arch/small.json", "a/main.json").value(), "arch/small.json");
}

}  // namespace
}  // namespace lathe::cli
