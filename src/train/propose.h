// Training settings for an amount of memory (rows L-14.2, L-14.9): chosen by free bytes alone, never by a machine's name.
#pragma once

#include <vector>

#include "train/base_settings.h"

namespace lathe::train {

struct Proposal {
  int percent = 0;  // of the free memory that it may use
  BaseSettings settings;
  int64_t total_bytes = 0;    // what the plan says
  std::string flags() const;  // those of `lathe train`
};

// For half, three quarters and 95 % of `free_bytes`: the deepest model of the chat family whose plan fits with micro batches
// of at least 2048 tokens, and then the largest micro batch. A share that not even the smallest fits has no entry.
std::vector<Proposal> propose(int64_t free_bytes, DType dtype);

}  // namespace lathe::train
