#include "tokenizer/piece_counter.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include "core/parallel.h"

namespace lathe::tokenizer {
namespace {

Status spill(PieceTable& table, PieceRuns& runs) {
  if (table.size() == 0) return {};
  LATHE_TRY_STATUS(runs.write(table.entries()));
  table.clear();
  return {};
}

}  // namespace

PieceCounter::PieceCounter(const SplitPattern& split, int64_t memory, fs::path spill_folder)
    : split_(split), memory_(memory) {
  const auto threads = static_cast<size_t>(std::max(1, num_threads()));
  if (spill_folder.empty()) spill_folder = fs::temp_directory_path();
  parts_.reserve(threads);
  for (size_t i = 0; i < threads; ++i)
    parts_.push_back({PieceTable(memory / static_cast<int64_t>(threads)), PieceRuns(spill_folder)});
}

Status PieceCounter::count(Part& part, std::string_view text) const {
  const char* const end = text.data() + text.size();
  Status status;
  for_each_piece(split_, text, [&](std::string_view piece) {
    if (part.table.add(piece, end) || !status.ok()) return;
    status = spill(part.table, part.runs);
    if (status.ok()) part.table.add(piece, end);
  });
  return status;
}

Status PieceCounter::add(std::span<const std::string_view> documents) {
  std::atomic<size_t> next = 0;
  std::vector<Status> done(parts_.size());
  parallel_for(static_cast<int64_t>(parts_.size()), 1, [&](int64_t first, int64_t last) {
    for (auto i = static_cast<size_t>(first); i < static_cast<size_t>(last); ++i)
      for (size_t document; done[i].ok() && (document = next++) < documents.size();)
        done[i] = count(parts_[i], documents[document]);
  });
  for (const Status& status : done) LATHE_TRY_STATUS(status);
  return {};
}

int64_t PieceCounter::runs() const {
  size_t total = 0;
  for (const Part& part : parts_) total += part.runs.runs().size();
  return static_cast<int64_t>(total);
}

Result<WeightedPieces> PieceCounter::take() {
  Part& sum = parts_[0];
  for (size_t i = 1; i < parts_.size(); ++i) {
    for (const PieceTable::Entry& entry : parts_[i].table.entries()) {
      const char* const end = entry.piece.data() + entry.piece.size();
      if (sum.table.add(entry.piece, end, entry.weight)) continue;
      LATHE_TRY_STATUS(spill(sum.table, sum.runs));
      sum.table.add(entry.piece, end, entry.weight);
    }
    parts_[i].table = PieceTable(0);
  }
  if (runs() == 0) {
    WeightedPieces pieces;
    for (const PieceTable::Entry& entry : sum.table.entries()) pieces.add(entry.piece, entry.weight);
    return pieces;
  }
  LATHE_TRY_STATUS(spill(sum.table, sum.runs));
  std::vector<PieceRuns::Run> all;
  for (Part& part : parts_) {
    part.table = PieceTable(0);
    all.insert(all.end(), part.runs.runs().begin(), part.runs.runs().end());
  }
  return merge_runs(all, memory_);
}

}  // namespace lathe::tokenizer
