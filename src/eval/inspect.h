// What a file or folder of lathe is: its kind, size, hashes, shapes, settings and where it came from, for `lathe inspect`.
#pragma once

#include "core/file.h"
#include "core/json.h"

namespace lathe::eval {

// An object: "kind" and "path" first, then what there is to say about that kind; "tensors" is a list of {name, dtype, shape, bytes}.
// Known: base folder, run, checkpoint, adapter, tokenizer, any folder with a manifest.json, results of an evaluation, report, safetensors,
// GGUF, packed shard, JSON, JSON lines, any other file by its size and hash. An error when the path is not there, or the file is
// damaged: it then says where.
Result<Json> inspect(const fs::path& path);

// The same for people. `all`: every tensor, else the first 24.
std::string inspect_text(const Json& facts, bool all);

}  // namespace lathe::eval
