// Stands in for mpi_communicator.cc in a build without MPI.
#include "core/check.h"
#include "core/environment.h"
#include "dist/communicator.h"

namespace lathe::dist {

Result<std::unique_ptr<Communicator>> mpi_communicator(int64_t message_bytes) {
  require(message_bytes >= 1 && message_bytes <= int64_t{1} << 30, "[mpi_communicator] message_bytes ", message_bytes);
  LATHE_TRY(const Rank launched, rank_from_launcher());
  if (launched.world > 1)
    return error("a launcher started ", launched.world,
                 " ranks, and this build has no MPI; start one process, or build with -DLATHE_MPI=ON");
  return single_process();
}

bool built_with_mpi() { return false; }

}  // namespace lathe::dist
