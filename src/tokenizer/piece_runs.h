// Counted pieces on disk: sorted runs that full tables leave, and their merging. The files have no name, so that they
// vanish with the process whatever ends it.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "core/file.h"
#include "core/result.h"
#include "tokenizer/piece_table.h"
#include "tokenizer/weighted_pieces.h"

namespace lathe::tokenizer {

// One thread. Native byte order: the file never leaves the process.
class PieceRuns {
 public:
  explicit PieceRuns(fs::path folder) : folder_(std::move(folder)) {}
  PieceRuns(PieceRuns&& other) noexcept;
  PieceRuns& operator=(PieceRuns&&) = delete;
  ~PieceRuns();

  // Appends the entries as one run; sorts the list. The file is made at the first call. Errors: the folder cannot be
  // written, the disk is full.
  Status write(std::vector<PieceTable::Entry> entries);

  struct Run {
    int file;  // descriptor, open as long as the PieceRuns
    int64_t begin, end;
  };
  const std::vector<Run>& runs() const { return runs_; }

 private:
  Status open();
  fs::path folder_;
  int file_ = -1;
  int64_t bytes_ = 0;
  std::vector<Run> runs_;
};

// All runs in one list without repetitions, in the order of the bytes. Reads with about `memory` bytes of buffers.
Result<WeightedPieces> merge_runs(std::span<const PieceRuns::Run> runs, int64_t memory);

}  // namespace lathe::tokenizer
