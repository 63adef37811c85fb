// ckpt and ckpt_best: names of two of a run's checkpoints (row L-11.13), symbolic links to step folders beside them.
#pragma once

#include <vector>

#include "train/checkpoint.h"

namespace lathe::train {

inline constexpr const char *kLastName = "ckpt", *kBestName = "ckpt_best";

// Points run/<name> at the folder of `step`; at every moment the name stands for the old checkpoint or the new one.
Status name_checkpoint(const fs::path& run, const std::string& name, int64_t step);

enum class WhichCheckpoint {
  kAuto,  // the last one, else the best (row L-11.12), else the newest that is there
  kLast,  // what ckpt names, or a later step whose name a crash prevented
  kBest,
};

struct NamedCheckpoint {
  int64_t step = -1;
  std::string name;  // kLastName, kBestName, or words for the newest
};

// The first that is whole and readable; those passed over are logged with the reason. Where the run has no checkpoint at all, or
// none that can be read, the error says so; a foreign ckpt.pt is named as not supported.
Result<NamedCheckpoint> find_named_checkpoint(const fs::path& run, WhichCheckpoint which);

}  // namespace lathe::train
