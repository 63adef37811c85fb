#include "eval/report_header.h"

#include "core/probe.h"
#include "tests/ref/testing.h"

namespace lathe::testing {
namespace {

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

// C-13.5
TEST(ReportHeader, NamesTreeMachineAndSoftware) {
  const TemporaryFolder folder;
  const std::string at = folder.path().string();
  ASSERT_TRUE(probe({"git", "init", "-q", "-b", "trunk", at}).has_value());
  check(write_file_atomic(folder.path() / "a.cc", "int a;\nint b;\n"));
  check(write_file_atomic(folder.path() / "skipped.bin", std::string(1000, 'x')));
  const auto git = [&](std::vector<std::string> words) {
    words.insert(words.begin(), {"git", "-C", at, "-c", "user.name=n", "-c", "user.email=e"});
    return probe(words).has_value();
  };
  ASSERT_TRUE(git({"add", "."}));
  ASSERT_TRUE(git({"commit", "-q", "-m", "first message " + std::string(100, 'm') + "\n\nbody"}));
  const std::string header = eval::report_header(folder.path(), "lathe 1.2\ncompiler c\n", FakeClock());
  EXPECT_TRUE(header.starts_with("# lathe report\n\nGenerated: 2000-01-01 00:00:00\n")) << header;
  EXPECT_TRUE(has(header, "- Branch: trunk\n")) << header;
  EXPECT_TRUE(has(header, " (clean)\n"));
  EXPECT_TRUE(has(header, "- Message: first message " + std::string(66, 'm') + "\n")) << "80 characters of its first line";
  for (const char* fact : {"- Platform: Linux\n", "- CPUs: ", "- Memory: ", "- GPUs: ", "- lathe 1.2\n", "- compiler c\n"}) EXPECT_TRUE(has(header, fact)) << fact;
  check(write_file_atomic(folder.path() / "a.cc", "int a;\nint b;\n\n"));
  EXPECT_TRUE(has(eval::report_header(folder.path(), "v", FakeClock()), " (dirty)\n"));
}

// C-13.8
TEST(ReportHeader, CountsTheTrackedSources) {
  const TemporaryFolder folder;
  ASSERT_TRUE(probe({"git", "init", "-q", folder.path().string()}).has_value());
  check(write_file_atomic(folder.path() / "sub" / "a.cc", "int a;\nint b;\n"));
  check(write_file_atomic(folder.path() / "b.md", "1234\xC3\xA9\n"));
  check(write_file_atomic(folder.path() / "data.bin", "xxxx\n"));
  ASSERT_TRUE(probe({"git", "-C", folder.path().string(), "add", "."}).has_value());
  check(write_file_atomic(folder.path() / "untracked.cc", "int c;\n"));
  const std::string block = eval::sources_block_of(eval::report_header(folder.path(), "v", FakeClock()));
  EXPECT_EQ(block, "### Size of the sources\n- Characters: 20\n- Lines: 3\n- Files: 2\n- Tokens (about): 5\n");
}

// C-13.6: outside of a checkout.
TEST(ReportHeader, WhatCannotBeFoundOutIsUnknown) {
  const TemporaryFolder folder;
  const std::string header = eval::report_header(folder.path(), "v", FakeClock());
  EXPECT_TRUE(has(header, "- Branch: unknown\n- Commit: unknown (clean)\n- Message: \n")) << header;
  EXPECT_TRUE(has(header, "- Files: unknown\n"));
}

// C-13.7
TEST(ReportHeader, GpuHoursHaveAPrice) {
  EXPECT_DOUBLE_EQ(eval::gpu_dollars_per_hour("NVIDIA H100 80GB HBM3", 8), 24.0);
  EXPECT_DOUBLE_EQ(eval::gpu_dollars_per_hour("NVIDIA A100-SXM4-40GB", 2), 3.58);
  EXPECT_DOUBLE_EQ(eval::gpu_dollars_per_hour("Tesla V100", 1), 0.55);
  EXPECT_DOUBLE_EQ(eval::gpu_dollars_per_hour("NVIDIA RTX 4090", 1), 2.0);
  EXPECT_DOUBLE_EQ(eval::gpu_dollars_per_hour("", 0), 0.0);
}

// C-13.4
TEST(ReportHeader, KnowsWhenTheRunStarted) {
  const std::string header = eval::report_header("/", "v", FakeClock());
  EXPECT_TRUE(header.ends_with("Run started: 2000-01-01 00:00:00\n\n---\n\n"));
  EXPECT_EQ(eval::run_started_of(header), "2000-01-01 00:00:00");
  EXPECT_EQ(eval::run_started_of("nothing"), "");
  EXPECT_EQ(eval::sources_block_of("nothing"), "");
}

}  // namespace
}  // namespace lathe::testing
