// Any document files to shuffled Parquet shards of about equal size: what `lathe repackage` does, and `lathe download`
// where local text stands in for hosted shards. Rows C-1.11, C-17.15.
#pragma once

#include <vector>

#include "cli/verb.h"

namespace lathe::cli {

struct RepackageOptions {
  std::vector<std::string> sources;  // files, or folders of them
  fs::path folder;                   // of the shards
  int64_t shard_chars = 250'000'000;
  int64_t most_shards = 0;           // > 0: shard_chars so that there are at most so many
  bool shuffle = true;               // NumPy's default_rng(seed of the verb).permutation(documents)
  int64_t memory_mb = 1024;
  bool force = false;
};

// Writes the folder with its manifest (kind "repackage"), whole or not at all, and prints its progress.
Result<Exit> repackage(Context& context, const RepackageOptions& options);

}  // namespace lathe::cli
