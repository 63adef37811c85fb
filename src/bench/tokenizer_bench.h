// Times a tokenizer's encoder over real text: the first pass of a fresh encoder, whose memory of pieces is empty, and
// passes after it; beside them the rate of splitting alone, which bounds both (docs/notes/002-tokenizer.md).
#pragma once

#include <string>
#include <vector>

#include "core/file.h"
#include "core/json.h"
#include "core/result.h"

namespace lathe::bench {

struct TokenizerBenchOptions {
  fs::path tokenizer;   // what Tokenizer::load reads
  std::string pattern;  // a split pattern's name for a rank file; empty: guessed from the file's name
  fs::path text;        // a document file, or a folder of them
  int64_t rounds = 3;   // fresh encoders, of which medians are taken
};

// All documents of a file or folder, for measurements that must not count reading.
Result<std::vector<std::string>> read_texts(const fs::path& path);

// With all threads of the process. encode_cold_mb_per_s, encode_warm_mb_per_s and split_mb_per_s (MB = 10^6 bytes; one
// thread splits), tokens, bytes, documents, bytes_per_token, threads, load_s, peak_rss_mb, vocab_size, sha256.
Result<Json> bench_tokenizer(const TokenizerBenchOptions& options);

}  // namespace lathe::bench
