// Which checkpoints of a run stay: the newest K, the best, and those something else starts from (the border of a phase, the source
// of a resume). Older ones go only after the new one is durable. Rows L-5.36, L-5.44, L-5.46; trap R10.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "core/file.h"
#include "core/result.h"

namespace lathe::train {

inline constexpr const char* kKeepFile = "keep.json";  // in a checkpoint folder: it stays, and why

// Marks a whole checkpoint as one that stays. Saying the same twice changes nothing.
Status keep_checkpoint(const fs::path& checkpoint, const std::string& reason);

// Of ascending `steps`, those that may go. newest <= 0: none.
std::vector<int64_t> surplus_steps(const std::vector<int64_t>& steps, int64_t newest, int64_t best, const std::set<int64_t>& kept);

// Removes the surplus of `run` once the checkpoint of `saved` is whole, on the disk and readable; an error otherwise, and nothing is
// removed. A folder loses its name before its files, so an interruption leaves no half checkpoint. Returns the removed steps.
Result<std::vector<int64_t>> remove_surplus(const fs::path& run, int64_t saved, int64_t newest, int64_t best);

}  // namespace lathe::train
