#include "cli/line_history.h"

#include <sys/stat.h>

#include "tests/ref/testing.h"

namespace lathe::cli {
namespace {

using lathe::testing::check;
using lathe::testing::take;

TEST(LineHistory, IsKeptInAFileOfItsOwnersAlone) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "history";
  LineHistory first;
  check(first.open(path));
  for (const char* text : {"one", "two\nlines \\n", "two\nlines \\n", "", "three"}) check(first.add(text));
  struct stat file {};
  ASSERT_EQ(stat(path.c_str(), &file), 0);
  EXPECT_EQ(file.st_mode & 0777, 0600u);
  LineHistory second;
  check(second.open(path));
  EXPECT_EQ(second.entries(), (std::vector<std::string>{"one", "two\nlines \\n", "three"}));
}

TEST(LineHistory, IsBoundedInMemoryAndOnDisk) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "history";
  for (int run = 0; run < 3; ++run) {
    LineHistory history(10);
    check(history.open(path));
    for (int i = 0; i < 9; ++i) check(history.add(std::to_string(run) + std::string(static_cast<size_t>(i), 'x')));
    EXPECT_LE(history.entries().size(), 10u);
    EXPECT_TRUE(history.add(std::string(1 << 17, 'y')).ok());
    EXPECT_EQ(history.entries().back(), std::to_string(run) + "xxxxxxxx");
  }
  LineHistory last(10);
  check(last.open(path));
  EXPECT_EQ(last.entries().size(), 10u);
  EXPECT_EQ(split_text(trim_text(take(read_file(path))), '\n').size(), 10u);
}

TEST(LineHistory, HostileBytesAreRepairedAndWhatIsNoFileIsNamed) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "history";
  check(write_file_atomic(path, "ok\n\xFF\xFE\\\nlast"));
  LineHistory history;
  check(history.open(path));
  ASSERT_EQ(history.entries().size(), 3u);
  EXPECT_EQ(history.entries()[0], "ok");
  EXPECT_EQ(first_invalid_utf8(history.entries()[1]), -1);
  LineHistory other;
  const Status status = other.open(folder.path());
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().path, folder.path().string());
  check(other.add("kept in memory"));
  EXPECT_EQ(other.entries().size(), 1u);
}

}  // namespace
}  // namespace lathe::cli
