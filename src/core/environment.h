// What is read from the environment, and the base folder that every artefact lives below.
#pragma once

#include <string>

#include "core/file.h"
#include "core/result.h"

namespace lathe {

std::string environment(const char* name, const std::string& fallback = "");  // an empty variable counts as unset

// `given` if not empty, else LATHE_BASE_DIR, else ~/.cache/lathe; made when missing (row C-1.1).
Result<fs::path> base_folder(const std::string& given);

// Where the files of a hub's data set ("owner/name") lie: `lathe download hf://datasets/...` writes there, `lathe corpus`
// looks there. A revision other than the newest has a folder of its own. Paths below are those of the repository.
fs::path hub_downloads(const fs::path& base, const std::string& repository, const std::string& revision);

// This process among those of one run: RANK and WORLD_SIZE where one of them is set (row C-17.5), else what the launcher
// says, else 0 of 1.
struct Rank {
  int rank = 0;
  int world = 1;
};
Result<Rank> rank_from_environment();

// This process among those that a launcher started: Open MPI's mpirun (OMPI_COMM_WORLD_RANK, OMPI_COMM_WORLD_SIZE), one
// that speaks PMI (PMI_RANK, PMI_SIZE), or srun (SLURM_PROCID, SLURM_STEP_NUM_TASKS; a batch script outside srun does not
// have the second); 0 of 1 where none did.
Result<Rank> rank_from_launcher();

// "0.1.0", written into every manifest.
const char* tool_version();

}  // namespace lathe
