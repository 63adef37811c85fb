// Times the preparation of a corpus: cleaning and filtering, search of duplicates, packing.
#pragma once

#include <cstdint>

#include "core/file.h"
#include "core/json.h"

namespace lathe::bench {

struct DataBenchOptions {
  fs::path text;                 // a file or folder of documents; empty: text that is made here
  int64_t bytes = 1'000'000'000;  // of text that goes through, made of the sentences of `text` (bench/sentence_mix.h)
  uint64_t seed = 42;
};

// With the present number of threads; text comes and goes in memory, signatures and sorts go to the disk.
// clean_mb_per_s: cleaning, language, and every quality rule of every family, in MB (10^6 bytes) of raw text a second.
// dedup_mb_per_s: exact hash and MinHash signatures (128 permutations, words of three) into their file, and the search
// for duplicates, in MB of cleaned text a second. pack_mb_per_s and other figures of bench/pack_bench.h: of the first
// 100 MB, with a byte-level BPE of 8192 tokens trained on the first 16 MB.
// `clean_steps` and `dedup_steps` hold each step's share of the time; `clean_limit` and `dedup_limit` name the one that
// binds, with the MB/s that the figure would have if that step were all there is to do.
// Also: bytes, documents, kept (share of documents), near, exact, threads, peak_rss_mb, base_text_mb (in it).
Result<Json> bench_data(const DataBenchOptions& options);

}  // namespace lathe::bench
