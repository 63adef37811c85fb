// What a run was made from, by SHA-256, for the manifests of its checkpoints (core/manifest.h): the links of the chain that
// `lathe inspect --verify` follows from a report down to raw files.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "core/manifest.h"

namespace lathe::train {

struct MadeFrom {
  std::vector<FileRecord> inputs;         // manifests where there are any, else the files themselves
  std::vector<std::string> sources;       // what was given, by the same names
  std::vector<std::string> not_recorded;  // sources without a manifest that are too large to be hashed at the start of a run
};

// More than this without a manifest is not hashed: a second of one core, instead of minutes at the start of a run.
inline constexpr int64_t kHashedWithoutManifest = int64_t{1} << 30;

// A source is a file or a folder. What a manifest in its folder (or up to two above) lists stands by that manifest's hash.
// Paths below `base` are kept relative to `folder`, where the record will stand, so that the base folder can be moved; others are
// absolute. A source that is not there is left out: the verb that needs it has its own error. `beside`: what is hashed but is neither
// text that was trained on nor weights, so that it is none of the sources (tokenizer, validation, word lists).
Result<MadeFrom> record_sources(const fs::path& base, const fs::path& folder, std::span<const fs::path> sources,
                                std::span<const fs::path> beside = {});

}  // namespace lathe::train
