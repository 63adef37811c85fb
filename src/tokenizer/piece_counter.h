// Counting the distinct pieces of a stream of documents on all threads: memory is bounded by a budget, beyond which
// sorted runs go to disk, and never holds the text (traps T2, T4).
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "core/file.h"
#include "core/result.h"
#include "tokenizer/piece_runs.h"
#include "tokenizer/piece_table.h"
#include "tokenizer/split.h"
#include "tokenizer/weighted_pieces.h"

namespace lathe::tokenizer {

class PieceCounter {
 public:
  // memory: bytes for all tables together (each thread's is at least some ten kilobytes). spill_folder: an existing
  // folder for the runs; empty: the system's temporary one.
  explicit PieceCounter(const SplitPattern& split, int64_t memory = int64_t{1} << 30, fs::path spill_folder = {});

  // Splits and counts the documents with all threads. The texts are not kept. Error: a run cannot be written.
  Status add(std::span<const std::string_view> documents);

  // All counts, once, at the end: equal in content for any number of threads and any memory (the order of pieces is
  // not). Memory: the list itself beside the tables or, when runs were written, beside the readers' buffers.
  Result<WeightedPieces> take();

  int64_t runs() const;  // written so far

 private:
  struct Part {
    PieceTable table;
    PieceRuns runs;
  };
  Status count(Part& part, std::string_view text) const;

  const SplitPattern& split_;
  int64_t memory_;
  std::vector<Part> parts_;  // one a thread
};

}  // namespace lathe::tokenizer
