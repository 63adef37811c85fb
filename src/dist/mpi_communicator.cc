// The communicator over MPI (MPI 3.1, C interface), for buffers in host memory. Everything but broadcast and barrier is
// made of point-to-point messages: MPI_Allreduce and its like sum in an order of their own.
#include <mpi.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <thread>

#include "core/environment.h"
#include "dist/arguments.h"
#include "dist/reduce.h"

namespace lathe::dist {
namespace {

constexpr int64_t kWindowBytes = int64_t{4} << 20;  // of each rank's data that is reduced at a time
constexpr int kTag = 1;
constexpr int kPolls = 2000;  // without a pause: what answers at once is not slept over

Status status_of(const char* call, int code) {
  if (code == MPI_SUCCESS) return {};
  char text[MPI_MAX_ERROR_STRING] = "";
  int length = 0;
  MPI_Error_string(code, text, &length);
  return error("[", call, "] ", std::string(text, static_cast<size_t>(length)));
}

void finalize_at_exit(int exit_status, void*) {
  // A rank that failed must not wait here for the others, who may wait for it: leaving without a word ends the job.
  if (exit_status == 0) MPI_Finalize();
}

Status start_mpi() {
  int running = 0, threads = 0;
  MPI_Initialized(&running);
  if (running) return {};
  LATHE_TRY_STATUS(status_of("MPI_Init_thread", MPI_Init_thread(nullptr, nullptr, MPI_THREAD_SERIALIZED, &threads)));
  if (threads < MPI_THREAD_SERIALIZED) return error("this MPI does not allow calls from different threads");
  LATHE_TRY_STATUS(
      status_of("MPI_Comm_set_errhandler", MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN)));
  if (on_exit(finalize_at_exit, nullptr) != 0) return error("no room for a handler of the process's end");
  return {};
}

class MpiCommunicator : public Communicator {
 public:
  MpiCommunicator(int rank, int size, int64_t message_bytes) : rank_(rank), size_(size), message_(message_bytes) {}
  int rank() const override { return rank_; }
  int size() const override { return size_; }

  Status all_reduce(void* data, int64_t count, ElementType type, Reduction reduction) override {
    check_buffer("all_reduce", data, count);
    check_reduction("all_reduce", type, reduction);
    const int64_t element = element_bytes(type), window = kWindowBytes / element;
    for (int64_t at = 0; at < count; at += window) {
      std::byte* base = static_cast<std::byte*>(data) + at * element;
      const int64_t size = std::min(window, count - at);
      // Rank r reduces the elements [first(r), first(r + 1)) of the window and gives them to all.
      const auto first = [&](int r) { return base + size * r / size_ * element; };
      const auto bytes = [&](int r) { return first(r + 1) - first(r); };
      const int64_t own = bytes(rank_);
      LATHE_TRY_STATUS(gather_parts("all_reduce", own, [&](int r) { return Bytes{first(r), bytes(r)}; }));
      reduce_parts(first(rank_), first(rank_), own / element, type, reduction);
      LATHE_TRY_STATUS(exchange(
          "all_reduce", [&](int) { return Bytes{first(rank_), own}; },
          [&](int r) { return MutableBytes{first(r), bytes(r)}; }));
    }
    return {};
  }

  Status reduce_scatter(const void* input, void* output, int64_t count, ElementType type,
                        Reduction reduction) override {
    check_buffer("reduce_scatter", input, count);
    check_buffer("reduce_scatter", output, count);
    check_reduction("reduce_scatter", type, reduction);
    const int64_t element = element_bytes(type), window = std::max<int64_t>(kWindowBytes / element / size_, 1);
    for (int64_t at = 0; at < count; at += window) {
      const int64_t size = std::min(window, count - at);
      const auto part = [&](int r) { return static_cast<const std::byte*>(input) + (r * count + at) * element; };
      LATHE_TRY_STATUS(
          gather_parts("reduce_scatter", size * element, [&](int r) { return Bytes{part(r), size * element}; }));
      reduce_parts(part(rank_), static_cast<std::byte*>(output) + at * element, size, type, reduction);
    }
    return {};
  }

  Status all_gather(const void* input, void* output, int64_t count, ElementType type) override {
    check_buffer("all_gather", input, count);
    check_buffer("all_gather", output, count);
    const int64_t bytes = count * element_bytes(type);
    return exchange(
        "all_gather", [&](int) { return Bytes{static_cast<const std::byte*>(input), bytes}; },
        [&](int r) { return MutableBytes{static_cast<std::byte*>(output) + r * bytes, bytes}; });
  }

  Status broadcast(void* data, int64_t count, ElementType type, int root) override {
    check_buffer("broadcast", data, count);
    check_root(root, size_);
    const int64_t bytes = count * element_bytes(type);
    for (int64_t at = 0; at < bytes; at += message_) {
      const int size = static_cast<int>(std::min(message_, bytes - at));
      requests_.assign(1, MPI_REQUEST_NULL);
      awaited_.clear();
      LATHE_TRY_STATUS(status_of("broadcast", MPI_Ibcast(static_cast<std::byte*>(data) + at, size, MPI_BYTE, root,
                                                         MPI_COMM_WORLD, requests_.data())));
      LATHE_TRY_STATUS(wait("broadcast"));
    }
    return {};
  }

  Status all_to_all(const void* input, std::span<const int64_t> counts, ElementType type,
                    std::vector<std::byte>& output, std::vector<int64_t>& received) override {
    check_counts(input, counts, size_);
    received.assign(counts.size(), 0);
    LATHE_TRY_STATUS(exchange(
        "all_to_all", [&](int r) { return Bytes{reinterpret_cast<const std::byte*>(&counts[static_cast<size_t>(r)]), 8}; },
        [&](int r) { return MutableBytes{reinterpret_cast<std::byte*>(&received[static_cast<size_t>(r)]), 8}; }));
    const int64_t element = element_bytes(type);
    const auto starts_of = [&](std::span<const int64_t> each) {
      std::vector<int64_t> starts = {0};
      for (const int64_t count : each) starts.push_back(starts.back() + count * element);
      return starts;
    };
    const std::vector<int64_t> from = starts_of(counts), to = starts_of(received);
    output.resize(static_cast<size_t>(to.back()));
    const auto at = [](int r) { return static_cast<size_t>(r); };
    return exchange(
        "all_to_all",
        [&](int r) {
          return Bytes{static_cast<const std::byte*>(input) + from[at(r)], from[at(r) + 1] - from[at(r)]};
        },
        [&](int r) { return MutableBytes{output.data() + to[at(r)], to[at(r) + 1] - to[at(r)]}; });
  }

  Status barrier() override {
    requests_.assign(1, MPI_REQUEST_NULL);
    awaited_.clear();
    LATHE_TRY_STATUS(status_of("barrier", MPI_Ibarrier(MPI_COMM_WORLD, requests_.data())));
    return wait("barrier");
  }

 private:
  struct Bytes {
    const std::byte* data;
    int64_t size;
  };
  struct MutableBytes {
    std::byte* data;
    int64_t size;
  };

  // Sends outgoing(r) to rank r and fills incoming(r) with what rank r sent to this one.
  template <class Outgoing, class Incoming>
  Status exchange(const char* call, Outgoing&& outgoing, Incoming&& incoming) {
    requests_.clear();
    awaited_.clear();
    for (int step = 1; step < size_; ++step) {
      const int other = (rank_ + size_ - step) % size_;
      const MutableBytes in = incoming(other);
      for (int64_t at = 0; at < in.size; at += message_) {
        const int size = static_cast<int>(std::min(message_, in.size - at));
        awaited_.push_back({other, size});
        LATHE_TRY_STATUS(status_of(
            call, MPI_Irecv(in.data + at, size, MPI_BYTE, other, kTag, MPI_COMM_WORLD, &requests_.emplace_back())));
      }
    }
    for (int step = 1; step < size_; ++step) {
      const int other = (rank_ + step) % size_;
      const Bytes out = outgoing(other);
      for (int64_t at = 0; at < out.size; at += message_) {
        const int size = static_cast<int>(std::min(message_, out.size - at));
        LATHE_TRY_STATUS(status_of(
            call, MPI_Isend(out.data + at, size, MPI_BYTE, other, kTag, MPI_COMM_WORLD, &requests_.emplace_back())));
      }
    }
    const Bytes own = outgoing(rank_);
    const MutableBytes own_place = incoming(rank_);
    if (own.size > 0 && own.data != own_place.data)
      std::memcpy(own_place.data, own.data, static_cast<size_t>(own.size));
    return wait(call);
  }

  Status wait(const char* call) {
    statuses_.resize(requests_.size());
    int code = MPI_SUCCESS;
    // A rank may wait for minutes: it must not take the processor from those that work.
    for (int polls = 0, done = 0; code == MPI_SUCCESS && !done; ++polls) {
      if (polls > kPolls) std::this_thread::sleep_for(std::chrono::microseconds(polls > 10 * kPolls ? 1000 : 50));
      code = MPI_Testall(static_cast<int>(requests_.size()), requests_.data(), &done, statuses_.data());
    }
    if (code == MPI_ERR_IN_STATUS) {
      for (const MPI_Status& status : statuses_)
        if (status.MPI_ERROR != MPI_ERR_PENDING) LATHE_TRY_STATUS(status_of(call, status.MPI_ERROR));
    }
    LATHE_TRY_STATUS(status_of(call, code));
    for (size_t i = 0; i < awaited_.size(); ++i) {
      int bytes = 0;
      MPI_Get_count(&statuses_[i], MPI_BYTE, &bytes);
      if (bytes != awaited_[i].bytes)
        return error("[", call, "] rank ", awaited_[i].rank, " sent ", bytes, " bytes where ", awaited_[i].bytes,
                     " were expected: the ranks do not make the same calls");
    }
    return {};
  }

  // Brings the ranks' parts of this rank's block, `bytes` each, into parts_; this rank's own stays where it is.
  template <class Outgoing>
  Status gather_parts(const char* call, int64_t bytes, Outgoing&& outgoing) {
    part_bytes_ = bytes;
    parts_.resize(static_cast<size_t>(bytes * size_));
    return exchange(
        call, [&](int r) { return r == rank_ ? Bytes{nullptr, 0} : outgoing(r); },
        [&](int r) { return MutableBytes{parts_.data() + r * bytes, r == rank_ ? 0 : bytes}; });
  }

  void reduce_parts(const std::byte* own, std::byte* output, int64_t count, ElementType type, Reduction reduction) {
    inputs_.clear();
    for (int r = 0; r < size_; ++r) inputs_.push_back(r == rank_ ? own : parts_.data() + r * part_bytes_);
    reduce_in_order(inputs_, output, count, type, reduction);
  }

  struct Awaited {
    int rank, bytes;
  };
  const int rank_, size_;
  const int64_t message_;
  int64_t part_bytes_ = 0;
  std::vector<std::byte> parts_;
  std::vector<const void*> inputs_;
  std::vector<MPI_Request> requests_;  // the receiving ones first
  std::vector<MPI_Status> statuses_;
  std::vector<Awaited> awaited_;
};

}  // namespace

Result<std::unique_ptr<Communicator>> mpi_communicator(int64_t message_bytes) {
  require(message_bytes >= 1 && message_bytes <= int64_t{1} << 30, "[mpi_communicator] message_bytes ", message_bytes);
  LATHE_TRY(const Rank launched, rank_from_launcher());
  if (launched.world == 1) return single_process();
  LATHE_TRY_STATUS(start_mpi());
  int rank = 0, size = 1;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  if (size != launched.world)
    return error("the launcher started ", launched.world, " ranks, of which MPI finds ", size,
                 "; is it the mpirun of the MPI that this program was built with?");
  return std::unique_ptr<Communicator>(std::make_unique<MpiCommunicator>(rank, size, message_bytes));
}

bool built_with_mpi() { return true; }

}  // namespace lathe::dist
