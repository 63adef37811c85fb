// The collectives over MPI. This program starts itself under mpirun with 1, 2 and 4 ranks: the tests of the suite Ranks
// are what every rank then runs. Started alone they run with one rank.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdlib>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "core/environment.h"
#include "dist/communicator.h"
#include "dist/reduce.h"
#include "tests/ref/testing.h"

namespace lathe::dist {
namespace {

using lathe::testing::check;
using lathe::testing::take;

// Floats of very different sizes, whose sum depends on the order; any integers.
template <class T>
std::vector<T> data_of(int rank, int64_t count) {
  std::vector<T> data;
  for (int64_t i = 0; i < count; ++i) {
    const int64_t mantissa = 1 + (i * 7 + rank * 13) % 101, exponent = (rank * 5 + i) % 23;
    if constexpr (std::is_floating_point_v<T>)
      data.push_back(std::ldexp(static_cast<T>(mantissa) / 3, static_cast<int>(exponent)));
    else
      data.push_back(static_cast<T>(mantissa << exponent));
  }
  return data;
}

// What reduce_in_order makes of the data of all ranks.
template <class T>
std::vector<T> expected(int ranks, int64_t count, ElementType type, Reduction reduction) {
  std::vector<std::vector<T>> all;
  std::vector<const void*> inputs;
  for (int r = 0; r < ranks; ++r) all.push_back(data_of<T>(r, count));
  for (const auto& data : all) inputs.push_back(data.data());
  std::vector<T> out(static_cast<size_t>(count));
  reduce_in_order(inputs, out.data(), count, type, reduction);
  return out;
}

// Messages of 1000 bytes and whole ones.
std::vector<std::unique_ptr<Communicator>> jobs() {
  std::vector<std::unique_ptr<Communicator>> jobs;
  jobs.push_back(take(mpi_communicator(1000)));
  jobs.push_back(take(mpi_communicator()));
  return jobs;
}

template <class T>
void reductions_of(Communicator& job, ElementType type, const std::vector<Reduction>& reductions) {
  for (const int64_t count : {0, 1, 3, 1000, 70000})
    for (const Reduction reduction : reductions) {
      std::vector<T> data = data_of<T>(job.rank(), count);
      check(job.all_reduce(data.data(), count, type, reduction));
      ASSERT_EQ(data, expected<T>(job.size(), count, type, reduction)) << count;

      const int64_t part = count / job.size();
      data = data_of<T>(job.rank(), part * job.size());
      std::vector<T> own(static_cast<size_t>(part));
      check(job.reduce_scatter(data.data(), own.data(), part, type, reduction));
      const std::vector<T> all = expected<T>(job.size(), part * job.size(), type, reduction);
      ASSERT_EQ(own, std::vector<T>(all.begin() + job.rank() * part, all.begin() + (job.rank() + 1) * part)) << count;
      check(job.reduce_scatter(data.data(), data.data() + job.rank() * part, part, type, reduction));
      ASSERT_EQ(own, std::vector<T>(data.begin() + job.rank() * part, data.begin() + (job.rank() + 1) * part));
    }
}

// C-15.6
TEST(Ranks, ReduceInRankOrder) {
  const std::vector<Reduction> all = {Reduction::kSum, Reduction::kMean, Reduction::kMax};
  for (const auto& job : jobs()) {
    reductions_of<float>(*job, ElementType::kFloat32, all);
    reductions_of<double>(*job, ElementType::kFloat64, all);
    reductions_of<uint16_t>(*job, ElementType::kBFloat16, all);
    reductions_of<int64_t>(*job, ElementType::kInt64, {Reduction::kSum, Reduction::kMax});
    reductions_of<int32_t>(*job, ElementType::kInt32, {Reduction::kSum, Reduction::kMax});
    reductions_of<uint8_t>(*job, ElementType::kUInt8, {Reduction::kSum, Reduction::kMax});
  }
}

TEST(Ranks, ReduceMoreThanAWindow) {
  constexpr int64_t kCount = (9 << 20) / 4 + 5;  // beyond two windows of 4 MiB
  const auto job = take(mpi_communicator());
  std::vector<float> data(kCount, static_cast<float>(job->rank() + 1));
  data.back() = 0.5f;
  check(job->all_reduce(data.data(), kCount, ElementType::kFloat32, Reduction::kSum));
  const float sum = static_cast<float>(job->size() * (job->size() + 1)) / 2;
  for (int64_t i = 0; i + 1 < kCount; ++i) ASSERT_EQ(data[static_cast<size_t>(i)], sum) << i;
  EXPECT_EQ(data.back(), 0.5f * static_cast<float>(job->size()));
}

TEST(Ranks, GatherInRankOrder) {
  for (const auto& job : jobs())
    for (const int64_t count : {0, 1, 999}) {
      const size_t size = static_cast<size_t>(count);
      std::vector<int64_t> own(size), all(size * static_cast<size_t>(job->size()), -1), in_place = all;
      std::iota(own.begin(), own.end(), job->rank() * 10000);
      check(job->all_gather(own.data(), all.data(), count, ElementType::kInt64));
      std::copy(own.begin(), own.end(), in_place.begin() + job->rank() * count);
      check(job->all_gather(in_place.data() + job->rank() * count, in_place.data(), count, ElementType::kInt64));
      for (int r = 0; r < job->size(); ++r)
        for (int64_t i = 0; i < count; ++i)
          ASSERT_EQ(all[static_cast<size_t>(r * count + i)], r * 10000 + i) << r << " " << i;
      EXPECT_EQ(in_place, all);
    }
}

TEST(Ranks, BroadcastFromEveryRoot) {
  for (const auto& job : jobs())
    for (int root = 0; root < job->size(); ++root) {
      std::vector<float> data = data_of<float>(job->rank(), 3001);
      check(job->broadcast(data.data(), 3001, ElementType::kFloat32, root));
      EXPECT_EQ(data, data_of<float>(root, 3001));
      check(job->broadcast(nullptr, 0, ElementType::kFloat32, root));
    }
}

TEST(Ranks, SendEachRankAnotherNumberOfElements) {
  for (const auto& job : jobs()) {
    // Rank s sends rank r (s * 700 + r * 31) % 2000 numbers; some pairs nothing.
    const auto count = [](int s, int r) { return (s * 700 + r * 31) % 2000; };
    std::vector<int64_t> counts, received;
    std::vector<int32_t> input;
    for (int r = 0; r < job->size(); ++r) {
      counts.push_back(count(job->rank(), r));
      for (int i = 0; i < counts.back(); ++i) input.push_back(job->rank() * 1000000 + r * 10000 + i);
    }
    std::vector<std::byte> output;
    check(job->all_to_all(input.data(), counts, ElementType::kInt32, output, received));
    std::vector<int32_t> numbers(output.size() / 4), right;
    std::copy(output.begin(), output.end(), reinterpret_cast<std::byte*>(numbers.data()));
    for (int s = 0; s < job->size(); ++s) {
      EXPECT_EQ(received[static_cast<size_t>(s)], count(s, job->rank()));
      for (int i = 0; i < count(s, job->rank()); ++i) right.push_back(s * 1000000 + job->rank() * 10000 + i);
    }
    EXPECT_EQ(numbers, right);
  }
}

TEST(Ranks, RefuseWrongUse) {
  const auto job = take(mpi_communicator());
  float x = 1;
  EXPECT_THROW((void)job->broadcast(&x, 1, ElementType::kFloat32, job->size()), std::invalid_argument);
  EXPECT_THROW((void)job->all_reduce(nullptr, 1, ElementType::kFloat32, Reduction::kSum), std::invalid_argument);
  EXPECT_THROW((void)job->all_gather(&x, &x, -1, ElementType::kFloat32), std::invalid_argument);
  EXPECT_THROW((void)mpi_communicator(0), std::invalid_argument);
  check(job->barrier());
}

// C-15.10: one rank, the first, is the one that prints and saves
TEST(Ranks, AreThoseOfTheLauncher) {
  const auto job = take(mpi_communicator());
  const Rank launched = take(rank_from_launcher());
  EXPECT_EQ(job->rank(), launched.rank);
  EXPECT_EQ(job->size(), launched.world);
  EXPECT_EQ(job->is_main(), launched.rank == 0);
}

// Not run unless asked for: what the tests of MpiJob look at from outside.
TEST(DISABLED_Rank, DiesWhileTheOthersWait) {
  const auto job = take(mpi_communicator());
  check(job->barrier());
  if (job->rank() == 1) std::raise(SIGKILL);
  (void)job->barrier();
  std::this_thread::sleep_for(std::chrono::minutes(5));
}
TEST(DISABLED_Rank, FailsWhileTheOthersWait) {
  const auto job = take(mpi_communicator());
  check(job->barrier());
  if (job->rank() == 1) std::exit(1);
  (void)job->barrier();
  std::this_thread::sleep_for(std::chrono::minutes(5));
}
TEST(DISABLED_Rank, SendsLessThanTheOthersAwait) {
  const auto job = take(mpi_communicator());
  std::vector<float> data(100 * static_cast<size_t>(job->size()), 1), all(100 * static_cast<size_t>(job->size()));
  const Status gathered = job->all_gather(data.data(), all.data(), job->rank() == 0 ? 50 : 100, ElementType::kFloat32);
  EXPECT_FALSE(gathered.ok()) << "nobody noticed";
}
uint8_t scattered(int64_t i) { return static_cast<uint8_t>(static_cast<uint64_t>(i) * 0x9E3779B97F4A7C15 >> 56); }

// Takes 5 GB of memory, so it is run by hand: mpirun -n 2 test_dist --gtest_also_run_disabled_tests
// --gtest_filter=*Beyond*
TEST(DISABLED_Rank, SendsBeyondTwoToThe31Bytes) {
  constexpr int64_t kCount = (int64_t{1} << 31) + 12345;
  const auto job = take(mpi_communicator());
  std::vector<int64_t> counts(static_cast<size_t>(job->size())), received;
  std::vector<uint8_t> input;
  if (job->rank() == 0) {
    counts.back() = kCount;
    input.resize(kCount);
    for (int64_t i = 0; i < kCount; ++i) input[static_cast<size_t>(i)] = scattered(i);
  }
  std::vector<std::byte> output;
  check(job->all_to_all(input.data(), counts, ElementType::kUInt8, output, received));
  ASSERT_EQ(std::ssize(output), job->rank() + 1 == job->size() ? kCount : 0);
  for (int64_t i = 0; i < std::ssize(output); ++i)
    ASSERT_EQ(output[static_cast<size_t>(i)], std::byte{scattered(i)}) << i;
}

// Runs tests of this program as `ranks` ranks; its exit status, 77 where there is no mpirun.
int run_ranks(int ranks, const std::string& filter) {
  const std::string program = std::filesystem::read_symlink("/proc/self/exe").string();
  const std::string command =
      // Open MPI keeps memory to the end of the process, which the address sanitizer would take for a leak.
      "command -v mpirun > /dev/null || exit 77; ASAN_OPTIONS=detect_leaks=0 OMPI_MCA_btl_vader_single_copy_mechanism=none GTEST_OUTPUT= timeout -k 5 240 "
      "mpirun --allow-run-as-root --oversubscribe --bind-to none -n " +
      std::to_string(ranks) + " '" + program + "' --gtest_brief=1 --gtest_also_run_disabled_tests --gtest_filter='" +
      filter + "' > /dev/null 2>&1";
  const int status = std::system(command.c_str());
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

class MpiJob : public ::testing::Test {
 protected:
  void SetUp() override {
    if (take(rank_from_launcher()).world > 1) GTEST_SKIP() << "is a rank itself";
    if (!built_with_mpi()) GTEST_SKIP() << "a build without MPI";
    if (run_ranks(1, "none") == 77) GTEST_SKIP() << "no mpirun";
  }
};

TEST_F(MpiJob, OneRankPasses) { EXPECT_EQ(run_ranks(1, "Ranks.*"), 0); }
TEST_F(MpiJob, TwoRanksPass) { EXPECT_EQ(run_ranks(2, "Ranks.*"), 0); }
TEST_F(MpiJob, FourRanksPass) { EXPECT_EQ(run_ranks(4, "Ranks.*"), 0); }

// A job that hung would be stopped after 240 s with status 124, before its ranks have slept their five minutes.
TEST_F(MpiJob, ADeadOrFailedRankEndsIt) {
  for (const char* end : {"DISABLED_Rank.DiesWhileTheOthersWait", "DISABLED_Rank.FailsWhileTheOthersWait"}) {
    const int status = run_ranks(2, end);
    EXPECT_NE(status, 0) << end;
    EXPECT_NE(status, 124) << end;
  }
}

TEST_F(MpiJob, CallsThatDoNotFitAreAnError) {
  EXPECT_EQ(run_ranks(2, "DISABLED_Rank.SendsLessThanTheOthersAwait"), 0);
}

}  // namespace
}  // namespace lathe::dist
