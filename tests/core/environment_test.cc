#include "core/environment.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "tests/ref/testing.h"

namespace lathe {
namespace {

using testing::take;

class RankVariables : public ::testing::Test {
 protected:
  const std::vector<const char*> kNames = {"RANK",     "WORLD_SIZE", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE",
                                           "PMI_RANK", "PMI_SIZE",   "SLURM_PROCID",         "SLURM_STEP_NUM_TASKS"};
  void SetUp() override {
    for (const char* name : kNames) former_.push_back(environment(name)), unsetenv(name);
  }
  void TearDown() override {
    for (size_t i = 0; i < kNames.size(); ++i)
      if (former_[i].empty())
        unsetenv(kNames[i]);
      else
        setenv(kNames[i], former_[i].c_str(), 1);
  }
  void set(const char* name, const char* value) { setenv(name, value, 1); }

 private:
  std::vector<std::string> former_;
};

std::pair<int, int> pair_of(const Result<Rank>& rank) {
  const Rank value = take(rank);
  return {value.rank, value.world};
}

// C-15.10, C-17.5: the rank that prints is told from the launcher's variables, too
TEST_F(RankVariables, OfEveryLauncher) {
  EXPECT_EQ(pair_of(rank_from_environment()), std::pair(0, 1));
  set("SLURM_PROCID", "0");  // a batch script, not a step
  EXPECT_EQ(pair_of(rank_from_launcher()), std::pair(0, 1));
  set("SLURM_PROCID", "3"), set("SLURM_STEP_NUM_TASKS", "5");
  EXPECT_EQ(pair_of(rank_from_environment()), std::pair(3, 5));
  set("PMI_RANK", "2"), set("PMI_SIZE", "4");
  EXPECT_EQ(pair_of(rank_from_environment()), std::pair(2, 4));
  set("OMPI_COMM_WORLD_RANK", "1"), set("OMPI_COMM_WORLD_SIZE", "3");
  EXPECT_EQ(pair_of(rank_from_environment()), std::pair(1, 3));
  EXPECT_EQ(pair_of(rank_from_launcher()), std::pair(1, 3));
  set("RANK", "6"), set("WORLD_SIZE", "7");
  EXPECT_EQ(pair_of(rank_from_environment()), std::pair(6, 7));
  EXPECT_EQ(pair_of(rank_from_launcher()), std::pair(1, 3));
}

TEST_F(RankVariables, ThatDoNotFitAreNamed) {
  set("OMPI_COMM_WORLD_RANK", "3"), set("OMPI_COMM_WORLD_SIZE", "3");
  ASSERT_FALSE(rank_from_environment().ok());
  EXPECT_NE(rank_from_environment().error().to_string().find("OMPI_COMM_WORLD_SIZE=3"), std::string::npos);
  set("OMPI_COMM_WORLD_RANK", "two");
  EXPECT_NE(rank_from_environment().error().to_string().find("OMPI_COMM_WORLD_RANK"), std::string::npos);
}

}  // namespace
}  // namespace lathe
