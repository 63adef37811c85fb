// What training and evaluation see of the data room: batches of token ids, and the state to go on from.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/json.h"
#include "core/result.h"

namespace lathe::data {

constexpr int32_t kIgnoredTarget = -1;

// rows x columns inputs and targets in one buffer, inputs first: one transfer to a device (C-1.27).
struct TokenBatch {
  int64_t rows = 0;
  int64_t columns = 0;
  std::vector<int32_t> ids;  // (2, rows, columns)
  // (rows, columns): number of the document that each input belongs to, from 0 in every row, so that attention and
  // positions can be kept inside documents (row L-4.8). Empty unless the loader was told to fill it.
  std::vector<int32_t> documents;

  void resize(int64_t new_rows, int64_t new_columns) {
    rows = new_rows;
    columns = new_columns;
    ids.resize(static_cast<size_t>(2 * rows * columns));
  }
  std::span<int32_t> inputs() { return std::span(ids).first(half()); }
  std::span<int32_t> targets() { return std::span(ids).last(half()); }
  std::span<const int32_t> inputs() const { return std::span(ids).first(half()); }
  std::span<const int32_t> targets() const { return std::span(ids).last(half()); }

 private:
  size_t half() const { return static_cast<size_t>(rows * columns); }
};

enum class ResumeMode {
  kExact,       // the batches that follow are those of a run that never stopped
  kCompatible,  // the origin's approximate rule (C-1.29); reads its {pq_idx, rg_idx, epoch} too
};

// One thread at a time. Every rank has its own loader and must save and restore its own state (trap R5).
class TokenLoader {
 public:
  virtual ~TokenLoader() = default;
  virtual Status next(TokenBatch& batch) = 0;
  // Of the batch handed out last: a loader that restores it hands out the batch after that one. Before the first
  // batch: the start. docs/formats/loader_state.md.
  virtual Json state() const = 0;
  // Only before the first next(). A state of another corpus, rank or number of ranks is an error.
  virtual Status restore(const Json& state, ResumeMode mode) = 0;
};

// Texts to ids with the BOS in front of each and nothing at its end (C-1.22). Its result for a text must not depend on
// the other texts. Called from the thread that prepares batches.
class DocumentEncoder {
 public:
  virtual ~DocumentEncoder() = default;
  virtual void encode(std::span<const std::string> texts, std::vector<std::vector<int32_t>>& ids) = 0;
};

}  // namespace lathe::data
