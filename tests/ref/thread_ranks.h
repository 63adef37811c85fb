// Ranks as threads of the test: what a communicator promises, without a launcher. Every collective copies between two
// meetings of all ranks. A rank that throws ends the program, as nobody would meet the others.
#pragma once

#include <barrier>
#include <cstring>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "dist/communicator.h"
#include "dist/reduce.h"

namespace lathe::testing {

class ThreadRanks {
 public:
  // body(job) on each of `ranks` threads.
  static void run(int ranks, const std::function<void(dist::Communicator&)>& body) {
    Shared shared(ranks);
    std::vector<std::thread> threads;
    for (int rank = 0; rank < ranks; ++rank)
      threads.emplace_back([&, rank] {
        Job job(shared, rank);
        body(job);
      });
    for (std::thread& thread : threads) thread.join();
  }

 private:
  struct Shared {
    explicit Shared(int ranks) : meeting(ranks), data(static_cast<size_t>(ranks)), counts(data.size()) {}
    std::barrier<> meeting;
    std::vector<const void*> data;
    std::vector<std::vector<int64_t>> counts;
  };

  class Job : public dist::Communicator {
   public:
    Job(Shared& shared, int rank) : shared_(shared), rank_(rank) {}
    int rank() const override { return rank_; }
    int size() const override { return static_cast<int>(shared_.data.size()); }

    Status all_reduce(void* data, int64_t count, dist::ElementType type, dist::Reduction reduction) override {
      std::vector<std::byte> sum(static_cast<size_t>(count * dist::element_bytes(type)));
      meet(data, [&] { dist::reduce_in_order(shared_.data, sum.data(), count, type, reduction); });
      if (count > 0) std::memcpy(data, sum.data(), sum.size());
      return {};
    }
    Status reduce_scatter(const void* input, void* output, int64_t count, dist::ElementType type,
                          dist::Reduction reduction) override {
      const int64_t bytes = count * dist::element_bytes(type);
      std::vector<std::byte> sum(static_cast<size_t>(bytes));
      meet(input, [&] {
        std::vector<const void*> parts;
        for (const void* data : shared_.data) parts.push_back(static_cast<const std::byte*>(data) + rank_ * bytes);
        dist::reduce_in_order(parts, sum.data(), count, type, reduction);
      });
      if (count > 0) std::memcpy(output, sum.data(), sum.size());
      return {};
    }
    Status all_gather(const void* input, void* output, int64_t count, dist::ElementType type) override {
      const size_t bytes = static_cast<size_t>(count * dist::element_bytes(type));
      meet(input, [&] {
        for (size_t r = 0; r < shared_.data.size() && bytes > 0; ++r)
          std::memmove(static_cast<std::byte*>(output) + r * bytes, shared_.data[r], bytes);
      });
      return {};
    }
    Status broadcast(void* data, int64_t count, dist::ElementType type, int root) override {
      meet(data, [&] {
        if (rank_ != root && count > 0)
          std::memcpy(data, shared_.data[static_cast<size_t>(root)],
                      static_cast<size_t>(count * dist::element_bytes(type)));
      });
      return {};
    }
    Status all_to_all(const void* input, std::span<const int64_t> counts, dist::ElementType type,
                      std::vector<std::byte>& output, std::vector<int64_t>& received) override {
      const int64_t element = dist::element_bytes(type);
      shared_.counts[static_cast<size_t>(rank_)].assign(counts.begin(), counts.end());
      output.clear();
      received.clear();
      meet(input, [&] {
        for (size_t r = 0; r < shared_.data.size(); ++r) {
          int64_t before = 0;
          for (int other = 0; other < rank_; ++other) before += shared_.counts[r][static_cast<size_t>(other)];
          received.push_back(shared_.counts[r][static_cast<size_t>(rank_)]);
          const std::byte* begin = static_cast<const std::byte*>(shared_.data[r]) + before * element;
          output.insert(output.end(), begin, begin + received.back() * element);
        }
      });
      return {};
    }
    Status barrier() override {
      shared_.meeting.arrive_and_wait();
      return {};
    }

   private:
    template <class Copy>
    void meet(const void* data, Copy&& copy) {
      shared_.data[static_cast<size_t>(rank_)] = data;
      shared_.meeting.arrive_and_wait();
      copy();
      shared_.meeting.arrive_and_wait();
    }
    Shared& shared_;
    const int rank_;
  };
};

}  // namespace lathe::testing
