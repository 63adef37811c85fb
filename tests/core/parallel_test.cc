#include "core/parallel.h"

#include <gtest/gtest.h>

#include <atomic>
#include <new>
#include <thread>
#include <vector>

namespace lathe {
namespace {

TEST(ParallelFor, EveryElementIsOfOneRange) {
  std::vector<std::atomic<int>> visits(1003);
  parallel_for(1003, 10, [&](int64_t begin, int64_t end) {
    EXPECT_EQ(begin % 10, 0);
    for (int64_t i = begin; i < end; ++i) ++visits[static_cast<size_t>(i)];
  });
  for (const auto& count : visits) ASSERT_EQ(count, 1);
}

// A worker that runs out of memory must not end the program: its verb says so and keeps what it wrote.
TEST(ParallelFor, AnExceptionOfAnyThreadReachesTheCaller) {
  const int threads = num_threads();
  set_num_threads(4);
  for (const int64_t bad : {0, 1, 2, 3}) {
    std::atomic<int> ended = 0;
    EXPECT_THROW(parallel_for(4, 1,
                              [&](int64_t begin, int64_t end) {
                                for (int64_t i = begin; i < end; ++i) {
                                  if (i == bad) throw std::bad_alloc();
                                  ++ended;
                                }
                              }),
                 std::bad_alloc);
    EXPECT_EQ(ended, 3) << "the others go on to their end";
  }
  std::atomic<int> calls = 0;
  parallel_for(4, 1, [&](int64_t begin, int64_t end) { calls += static_cast<int>(end - begin); });
  EXPECT_EQ(calls, 4) << "the team is as good as before";
  set_num_threads(threads);
}

// --threads holds for the threads of a server, too, but for those that ask for less.
TEST(ParallelFor, ANewThreadComputesWithTheNumberOfTheProcess) {
  const int threads = num_threads();
  set_num_threads(3);
  const auto ranges_of = [](int own) {
    std::atomic<int> ranges = 0;
    std::thread([&] {
      if (own > 0) set_own_num_threads(own);
      parallel_for(6, 1, [&](int64_t, int64_t) { ++ranges; });
    }).join();
    return ranges.load();
  };
  EXPECT_EQ(ranges_of(0), 3);
  EXPECT_EQ(ranges_of(1), 1);
  EXPECT_EQ(ranges_of(2), 2);
  EXPECT_EQ(num_threads(), 3) << "what a thread sets for itself is its own";
  set_num_threads(threads);
}

}  // namespace
}  // namespace lathe
