// Files that may be compressed with zstd, read whole.
#pragma once

#include <string>

#include "core/file.h"
#include "core/result.h"

namespace lathe::tokenizer {

// The file's bytes, decompressed when its name ends in .zst (one or more frames). Error when they are more than
// `most_bytes`, and when the file is damaged or cut short.
Result<std::string> read_unpacked(const fs::path& path, size_t most_bytes);

}  // namespace lathe::tokenizer
