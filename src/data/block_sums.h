// Where a file was changed: CRC-32 of its blocks, recorded beside its SHA-256. The SHA-256 says that a file is not the
// one that was written, the sums say from which byte on.
#pragma once

#include "core/file.h"
#include "core/json.h"

namespace lathe::data {

// {"block_bytes": n, "crc32": ["8 hex digits", ...]}: at most 512 blocks, of at least 4096 bytes.
Result<Json> block_sums(const fs::path& path);

// Offset of the first block of the file that differs from the record, -1 when none does or the record is unusable.
int64_t first_changed_block(const fs::path& path, const Json& sums);

}  // namespace lathe::data
