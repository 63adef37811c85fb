// How fast a corpus becomes packed shards, beside what binds it, and what loading them costs a training step.
#pragma once

#include "core/file.h"
#include "core/json.h"
#include "core/result.h"
#include "tokenizer/tokenizer.h"

namespace lathe::bench {

// Packs `text` (any file or folder that data::Corpus reads) into a temporary folder below `scratch` with `workers`
// threads, verifies it and reads batches of 8 sequences from it. The figures: pack_mb_per_s (text bytes over all of the
// packing, manifest and hashes included), pack_encode_mb_per_s (reading and encoding alone), tokens, documents,
// load_tok_per_s and load_ms_per_batch (of 8 x 1024 tokens, made in the calling thread: the most that data_wait_ms can
// be).
Result<Json> bench_pack(const fs::path& text, const tokenizer::Tokenizer& tokenizer, const fs::path& scratch,
                        int64_t workers);

}  // namespace lathe::bench
