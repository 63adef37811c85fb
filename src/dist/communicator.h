// What the ranks of a job say to each other: collectives over raw buffers and an element type. One process, MPI and
// NCCL implement it; optimisers and loops call it and know none of them. Rows C-15.1, C-8.13.
//
// Every rank calls the same collectives in the same order with the same counts. A call returns when the caller may
// reuse its buffers. Buffers are host memory unless the implementation says otherwise; they belong to the caller.
// A reduction takes the ranks in their order, ((x0 + x1) + x2) + ..., so its result is the same bits on every rank and in
// every run. Sums are kept in the element type, those of bf16 in float and rounded once; the mean divides the sum by the
// number of ranks; integers wrap around; the maximum is a NaN where a rank has one.
// An object serves one thread at a time. A failed network, a dead rank or messages of another length than awaited are an
// error Status where the implementation gets to know of it; null buffers, negative counts or a bad root throw.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "core/result.h"

namespace lathe::dist {

enum class ElementType { kFloat32, kBFloat16, kFloat64, kInt32, kInt64, kUInt8 };
enum class Reduction { kSum, kMean, kMax };

int64_t element_bytes(ElementType type);

class Communicator {
 public:
  virtual ~Communicator() = default;
  virtual int rank() const = 0;  // 0 <= rank < size
  virtual int size() const = 0;
  bool is_main() const { return rank() == 0; }

  // data (count) becomes the reduction over all ranks, on every rank. The mean is for floating types only.
  virtual Status all_reduce(void* data, int64_t count, ElementType type, Reduction reduction) = 0;
  // input (size * count), output (count): block `rank` of the reduction. They may not overlap, except that output may
  // be the caller's own block of input.
  virtual Status reduce_scatter(const void* input, void* output, int64_t count, ElementType type,
                                Reduction reduction) = 0;
  // input (count), output (size * count), in rank order. input may be the caller's own block of output.
  virtual Status all_gather(const void* input, void* output, int64_t count, ElementType type) = 0;
  virtual Status broadcast(void* data, int64_t count, ElementType type, int root) = 0;
  // counts[r] elements for rank r lie in input one after the other; output becomes what the ranks sent to this one, in
  // rank order, received[r] elements from rank r (size entries each). Messages may be of any size, also over 2^31 bytes.
  virtual Status all_to_all(const void* input, std::span<const int64_t> counts, ElementType type,
                            std::vector<std::byte>& output, std::vector<int64_t>& received) = 0;
  virtual Status barrier() = 0;
};

// A job of one rank: reductions are copies.
std::unique_ptr<Communicator> single_process();

// The ranks that mpirun or srun started (rank_from_launcher, core/environment.h); one rank where none did, which costs
// nothing. An error when this build has no MPI and a launcher started more than one rank. May be called again: the
// ranks stay the same. All calls come from one thread at a time.
//
// The end: a process that ends with status 0 takes leave of the others, and waits for them to do the same; any other
// end ends the job, so that nobody waits for the dead. Ranks that all mean to end with another status call barrier()
// before. Messages longer than `message_bytes` (1 to 2^30) go in pieces.
inline constexpr int64_t kMessageBytes = int64_t{64} << 20;
Result<std::unique_ptr<Communicator>> mpi_communicator(int64_t message_bytes = kMessageBytes);
bool built_with_mpi();

}  // namespace lathe::dist
