// Groups of records with equal keys, out of the records of all ranks: what remains of a search for equal hashes when
// those that stand alone are left out. Rows L-2.20, L-2.22, L-2.24.
//
// Each rank sorts (corpus/external_sort.h) the keys of its own range, which all_to_all brings it; then the groups go to
// the main rank, in the order of all keys. So what the main rank sees does not depend on the number of ranks, nor on who
// added what.
//
// Memory: `memory_bytes` a rank. All but add() are collective: every rank calls them in the same order and as often.
#pragma once

#include <functional>
#include <vector>

#include "corpus/external_sort.h"
#include "dist/communicator.h"

namespace lathe::corpus {

class CandidateSort {
 public:
  // `settings.name` may be the same on all ranks, whose folder may be the same, too. `job` outlives the sort.
  static Result<CandidateSort> open(SortSettings settings, dist::Communicator& job);

  // Records wait in memory until exchange(): at most waiting_records() of them.
  Status add(SortRecord record);
  int64_t waiting_records() const { return waiting_records_; }
  Status exchange();

  // Once, after the last exchange(): on the main rank `visit` sees the records of all groups of two and more by (key,
  // value).
  Status finish(const std::function<Status(const SortRecord&)>& visit);

 private:
  CandidateSort(ExternalSorter sorter, dist::Communicator& job, int64_t waiting_records)
      : sorter_(std::move(sorter)), job_(&job), waiting_records_(waiting_records) {}

  ExternalSorter sorter_;
  dist::Communicator* job_;
  int64_t waiting_records_;
  std::vector<SortRecord> waiting_;
};

}  // namespace lathe::corpus
