// Who reads what in the next step. Rows have their turns by age: answers go on by a token each, the oldest prompts get the rest of the
// budget, guesses what is left then. When pages run out the youngest row gives its own back and reads again later; the oldest goes
// on always, so all come to their end.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "infer/batch_engine.h"
#include "infer/batch_row.h"

namespace lathe::infer {

// One thread. Pool, tree and drafter (may be null) must outlive it.
class Scheduler {
 public:
  Scheduler(const BatchEngineOptions& options, int64_t vocab_size, PagePool& pool, PrefixTree& tree, Drafter* drafter);

  int64_t max_rows() const { return max_rows_; }
  int64_t rows() const { return static_cast<int64_t>(rows_.size()); }
  // Whether the request can begin now, behind those that are there.
  bool has_room(const Request& request) const;
  void add(Row& row) { rows_.push_back(&row); }
  void remove(const Row& row);
  // Fills the rows' part of the step; the pages are writable then. Rows in the order of their age.
  const std::vector<Row*>& plan();

  int64_t preemptions() const { return preemptions_; }

 private:
  int64_t available() const { return pool_.free() + tree_.unused(); }
  int64_t missing(const Request& request, std::span<const int32_t> tokens) const;
  void plan_answers();
  void plan_prompts();
  void plan_guesses();
  void feed(Row& row, int64_t count);
  bool reserve(Row& row, int64_t end);
  void preempt(Row& row);

  const BatchEngineOptions options_;
  const int64_t vocab_size_, max_rows_;
  PagePool& pool_;
  PrefixTree& tree_;
  Drafter* drafter_;
  std::vector<Row*> rows_, planned_;  // by age
  int64_t left_ = 0;                  // of the step's budget
  bool is_short_ = false;             // of pages, in this step
  int64_t preemptions_ = 0;
};

}  // namespace lathe::infer
