// The texts that a checkpoint was trained on, stage by stage down to the base run's, by the records that the stages left behind
// (train/provenance.h).
#pragma once

#include <string>
#include <vector>

#include "core/file.h"

namespace lathe::cli {

struct TrainedStage {
  std::string stage;   // "base", "sft", ...
  fs::path checkpoint;
  bool conversations = false;   // else documents
  std::vector<fs::path> texts;  // files and folders that are there now
  std::string unknown;          // why there is none
};

// The lowest stage first. Never fails: what has no record, or is gone, is a stage's `unknown`.
std::vector<TrainedStage> trained_stages(const fs::path& base, const fs::path& checkpoint);

}  // namespace lathe::cli
