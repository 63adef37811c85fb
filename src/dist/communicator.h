// What the ranks of a job say to each other: collectives over raw buffers and an element type. One process, MPI and
// NCCL implement it; optimisers and loops call it and know none of them. Rows C-15.1, C-8.13.
//
// Every rank calls the same collectives in the same order with the same counts. A call returns when the caller may
// reuse its buffers. Buffers are host memory unless the implementation says otherwise; they belong to the caller.
// Reductions sum in rank order, so the result is the same bits on every rank. An object serves one thread at a time.
// A failed network or a dead rank is an error Status; null buffers, negative counts or a bad root throw.
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

// The ranks that mpirun (or a Slurm launcher) started; one rank where none did. Once in a process, before any other
// thread calls MPI. An error when this build has no MPI and a launcher started more than one rank.
Result<std::unique_ptr<Communicator>> mpi_communicator();

}  // namespace lathe::dist
