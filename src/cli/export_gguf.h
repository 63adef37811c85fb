// Writing models as GGUF files: what `lathe export --to gguf` and `lathe quantize` share.
#pragma once

#include "cli/verb.h"
#include "tensor/gguf.h"
#include "train/load_model.h"

namespace lathe::cli {

// A loaded model with its float32 weights, adapters merged. What llama.cpp cannot run is refused with the reason; where it would
// encode text otherwise, a warning is logged.
Result<std::vector<GgufWritten>> export_gguf(const train::LoadedModel& loaded, const fs::path& path, BlockType type);

// The same file with its matrices in another type; metadata stays as it is, whatever the architecture.
Result<std::vector<GgufWritten>> convert_gguf(const fs::path& from, const fs::path& to, BlockType type);

// What was written, by kind of tensor: a line each for people, and the figures: bytes, bits a value, error (root mean square of
// the differences over that of the values; null where nothing was encoded).
Json print_written(Context& context, const fs::path& path, const std::vector<GgufWritten>& written);

}  // namespace lathe::cli
