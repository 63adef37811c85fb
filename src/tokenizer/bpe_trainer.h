// Training a byte-level BPE from a stream of documents (rows C-2.1, C-2.5 to C-2.10). The text itself is never held:
// memory grows with the distinct pieces (trap T4). The result does not depend on the number of threads.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "tokenizer/bpe_merges.h"
#include "tokenizer/tokenizer.h"

namespace lathe::tokenizer {

struct TrainSettings {
  int64_t max_chars = 2'000'000'000;  // stop after the document that exceeds this total
  int64_t doc_cap = 10'000;           // each document is cut to its first doc_cap characters
  int64_t vocab_size = 32768;         // with the special tokens; fewer when the text runs out of pairs
  int64_t min_pair_count = 1;         // a pair seen less often is not merged
  std::vector<std::string> special_tokens = chat_special_tokens();
};  // a character is a Unicode code point, or one byte that is not valid UTF-8

struct TrainReport {
  int64_t documents = 0, characters = 0, bytes = 0;  // after the cuts
  int64_t distinct_pieces = 0, merges = 0;
  double count_seconds = 0, merge_seconds = 0;
  double seconds() const { return count_seconds + merge_seconds; }
};

struct TrainResult {
  Tokenizer tokenizer;
  TrainReport report;
};

// Fills `documents` (given empty) with the next few documents, in order; leaves it empty at the end. Some megabytes a
// call keep all threads busy.
using NextDocuments = std::function<Status(std::vector<std::string>& documents)>;

// Error when vocab_size leaves fewer than 256 ids for bytes (row C-2.6), another setting is out of range, or the
// source fails.
Result<TrainResult> train_bpe(const TrainSettings& settings, const NextDocuments& next);

// The vocabulary that merges make: 256 bytes in value order, then merge i as id 256 + i.
std::vector<std::string> tokens_of_merges(const std::vector<Merge>& merges);

}  // namespace lathe::tokenizer
