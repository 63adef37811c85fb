#include "core/file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/ref/testing.h"

namespace lathe {
namespace {

// A pipe in a folder of somebody else's would hold the program for ever.
TEST(ReadFile, RefusesAPipeThatLiesInAFolder) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "config.json";
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  const Result<std::string> bytes = read_file(path);
  ASSERT_FALSE(bytes.ok());
  EXPECT_NE(bytes.error().to_string().find("is not a regular file"), std::string::npos) << bytes.error().to_string();
  EXPECT_FALSE(MappedFile::open(path).ok());
  EXPECT_NE(read_file(folder.path()).error().to_string().find("is a folder"), std::string::npos);
}

TEST(ReadFile, ReadsWhatAShellHandsOver) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  ASSERT_EQ(write(ends[1], "words", 5), 5);
  close(ends[1]);
  EXPECT_EQ(testing::take(read_file("/dev/fd/" + std::to_string(ends[0]))), "words");
  close(ends[0]);
}

}  // namespace
}  // namespace lathe
