#include "core/machine.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "core/file.h"

namespace lathe {
namespace {

TEST(Machine, KnowsItsProcessorAndMemory) {
  const Machine machine = read_machine();
  EXPECT_GE(machine.logical_cpus, 1);
  EXPECT_GT(machine.memory_bytes, int64_t{64} << 20);
  EXPECT_GT(available_memory_bytes(), 0);
  EXPECT_LE(available_memory_bytes(), int64_t{1} << 46);
#if defined(__x86_64__)
  const auto has = [&](const char* name) { return std::find(machine.cpu_features.begin(), machine.cpu_features.end(), name) != machine.cpu_features.end(); };
  EXPECT_EQ(has("avx2"), __builtin_cpu_supports("avx2") != 0);
  EXPECT_EQ(has("avx512f"), __builtin_cpu_supports("avx512f") != 0);
#endif
}

void write_file(const fs::path& path, const char* text) {
  fs::create_directories(path.parent_path());
  ASSERT_TRUE(write_file_atomic(path, text).ok());
}

TEST(Machine, TheContainersShareOfTimeBoundsTheCpus) {
  const TemporaryFolder folder;
  const std::string root = folder.path().string();
  EXPECT_EQ(container_cpu_limit(root, "/a/b"), 0) << "no control groups at all";
  write_file(folder.path() / "a/b/cpu.max", "max 100000\n");
  EXPECT_EQ(container_cpu_limit(root, "/a/b"), 0);
  write_file(folder.path() / "a/cpu.max", "350000 100000\n");
  EXPECT_EQ(container_cpu_limit(root, "/a/b"), 4) << "of the group above, rounded up";
  write_file(folder.path() / "a/b/cpu.max", "150000 100000\n");
  EXPECT_EQ(container_cpu_limit(root, "/a/b"), 2);
  write_file(folder.path() / "cpu.max", "100000 100000\n");
  EXPECT_EQ(container_cpu_limit(root, "/a/b"), 1);
  EXPECT_EQ(container_cpu_limit(root, "/"), 1);
  write_file(folder.path() / "cpu/old/cpu.cfs_quota_us", "300000\n");
  write_file(folder.path() / "cpu/old/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(container_cpu_limit(root, "/old"), 1);
  EXPECT_GE(usable_cpus(), 1);
}

TEST(Machine, NamesItsInstructionSetsAndNeverUsesMoreThanTheProcessorHas) {
  for (const Isa isa : {Isa::kScalar, Isa::kAvx2, Isa::kAvx512, Isa::kAvx512Bf16}) {
    const Result<Isa> parsed = parse_isa(isa_name(isa));
    ASSERT_TRUE(parsed.ok());
    EXPECT_EQ(parsed.value(), isa);
  }
  ASSERT_FALSE(parse_isa("avx").ok());
  EXPECT_NE(parse_isa("avx").error().message.find("scalar, avx2, avx512, avx512_bf16"), std::string::npos);
  EXPECT_LE(max_isa(), cpu_isa());
#if defined(__x86_64__)
  EXPECT_EQ(cpu_isa() == Isa::kAvx512Bf16, __builtin_cpu_supports("avx512bf16") != 0);
#endif
}

TEST(Machine, PeakMemoryGrowsWithWhatIsTouched) {
  const double before = peak_rss_mb();
  EXPECT_GT(before, 1);
  const std::vector<char> block(size_t{200} << 20, 'x');
  asm volatile("" : : "r"(block.data()) : "memory");  // the compiler may not leave the block out
  EXPECT_GE(peak_rss_mb(), static_cast<double>(block.size()) / (1 << 20));
}

TEST(Machine, ListsTheLibrariesOfThisProcess) {
  const std::vector<std::string> paths = loaded_libraries();
  EXPECT_TRUE(std::any_of(paths.begin(), paths.end(), [](const std::string& path) { return path.find("libstdc++") != std::string::npos; }));
}

}  // namespace
}  // namespace lathe
