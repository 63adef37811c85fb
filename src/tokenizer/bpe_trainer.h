// Training a byte-level BPE from a stream of documents (rows C-2.1, C-2.5 to C-2.10, C-2.21). The text itself is never
// held: memory grows with the distinct pieces (trap T4). The result depends neither on the number of threads nor on the
// memory.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/file.h"
#include "core/result.h"
#include "tokenizer/bpe_merges.h"
#include "tokenizer/split.h"
#include "tokenizer/tokenizer.h"

namespace lathe::tokenizer {

enum class TrainStyle {
  kChat,         // ids: the bytes by value, the merges, the special tokens; encoding by rank (row C-2.5)
  kHuggingFace,  // ids: the special tokens, the bytes in the order of their letters, the merges; encoding by merges
                 // (row C-2.21): equal to that library's trainer, and to be saved in its form
};

struct TrainSettings {
  int64_t max_chars = 2'000'000'000;  // stop after the document that exceeds this total
  int64_t doc_cap = 10'000;           // each document is cut to its first doc_cap characters
  int64_t vocab_size = 32768;         // with the special tokens; fewer when the text runs out of pairs
  int64_t min_pair_count = 1;         // a pair seen less often is not merged
  std::vector<std::string> special_tokens = chat_special_tokens();
  TrainStyle style = TrainStyle::kChat;
  const SplitPattern* split = &chat_split();
  Ties ties = Ties::kSmallerIds;
  int64_t memory = int64_t{1} << 30;  // bytes for counting; fuller tables go to disk
  fs::path spill_folder;              // an existing one; empty: the system's temporary folder
};  // a character is a Unicode code point, or one byte that is not valid UTF-8

struct TrainReport {
  int64_t documents = 0, characters = 0, bytes = 0;  // after the cuts
  int64_t distinct_pieces = 0, merges = 0;
  int64_t runs = 0;  // written to disk by full tables
  double count_seconds = 0, merge_seconds = 0;
  double seconds() const { return count_seconds + merge_seconds; }
};

struct TrainResult {
  Tokenizer tokenizer;
  TrainReport report;
};

// Fills `documents` (given empty) with the next few documents, in order; leaves it empty at the end. Some megabytes a
// call keep all threads busy. Called on one thread at a time, which need not be the caller's: the next documents are
// read while the last are counted.
using NextDocuments = std::function<Status(std::vector<std::string>& documents)>;

// Error when vocab_size leaves fewer than 256 ids for bytes (row C-2.6), another setting is out of range, the source
// fails, or the counts find no room on the disk.
Result<TrainResult> train_bpe(const TrainSettings& settings, const NextDocuments& next);
// The same for texts that are in memory.
Result<TrainResult> train_bpe(const TrainSettings& settings, std::span<const std::string> documents);

// Writes <folder>/tokenizer.json in the form of the style: this program's, or Hugging Face's (row C-2.21).
Status save_trained(const Tokenizer& tokenizer, TrainStyle style, const fs::path& folder);

}  // namespace lathe::tokenizer
