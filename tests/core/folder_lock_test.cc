#include "core/folder_lock.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>
#include <utility>

namespace lathe {
namespace {

TEST(FolderLock, OneHolderAtATime) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "run", file = folder.path() / "run.lock";
  {
    Result<FolderLock> first = FolderLock::take(path);
    ASSERT_TRUE(first.ok());
    const Result<FolderLock> second = FolderLock::take(path / "");
    ASSERT_FALSE(second.ok()) << "\"run/\" is \"run\"";
    EXPECT_EQ(second.error().path, file.string());
    EXPECT_NE(second.error().message.find("another process is writing this folder"), std::string::npos);
    FolderLock moved = std::move(first).value();
    EXPECT_TRUE(moved.held());
    EXPECT_FALSE(FolderLock::take(path).ok());
    EXPECT_FALSE(fs::exists(path)) << "the folder itself is not made";
    moved = FolderLock();
    EXPECT_TRUE(FolderLock::take(path).ok());
  }
  EXPECT_FALSE(fs::exists(file));
  EXPECT_EQ(FolderLock::take(folder.path() / "none" / "run").error().path, (folder.path() / "none" / "run.lock").string());
}

TEST(FolderLock, AWriterOfMomentsWaitsForTheOthers) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "run";
  Result<FolderLock> first = FolderLock::take(path);
  ASSERT_TRUE(first.ok());
  EXPECT_FALSE(FolderLock::wait(path, 0.02).ok()) << "it is still held";
  std::thread holder([lock = std::move(first).value()]() mutable {
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    lock = FolderLock();
  });
  EXPECT_TRUE(FolderLock::wait(path, 30).ok());
  holder.join();
}

}  // namespace
}  // namespace lathe
