// The manifest of a packed folder (rows L-4.14, L-4.15; docs/formats/packed.md).
#pragma once

#include "core/manifest.h"
#include "data/packer.h"
#include "tokenizer/tokenizer.h"

namespace lathe::data {

// The settings that decide the bytes of the shards; its config_hash() tells whether a folder is already done.
Json deciding_settings(const PackSettings& settings);

// Adds kind, tokenizer, outputs with their hashes, counts and details to `manifest` (settings, inputs, config_sha256
// and times are the caller's) and writes it into `folder` under both names. estimated_tokens: of the corpus stage, 0 =
// unknown.
Status write_packed_manifest(const fs::path& folder, Manifest manifest, const PackReport& report,
                             const PackSettings& settings, const tokenizer::Tokenizer& tokenizer,
                             const std::string& tokenizer_hash, int64_t estimated_tokens);

}  // namespace lathe::data
