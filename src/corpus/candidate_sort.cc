#include "corpus/candidate_sort.h"

#include <algorithm>
#include <cstring>

#include "core/check.h"

namespace lathe::corpus {
namespace {

constexpr int64_t kChunkRecords = 64 << 10;  // that go to the main rank at once

// The rank whose range a key is in: ranges are as wide as one another and rise.
size_t owner_of(uint64_t key, int ranks) { return (key >> 32) * static_cast<uint64_t>(ranks) >> 32; }

// Leaves out the records whose key is alone.
class Groups {
 public:
  explicit Groups(SortedRecords sorted) : sorted_(std::move(sorted)) {}

  Result<bool> next(SortRecord& record) {
    while (true) {
      if (!started_) {
        LATHE_TRY(ahead_valid_, sorted_.next(ahead_));
        started_ = true;
      }
      if (!ahead_valid_) return false;
      const bool follows = in_group_ && ahead_.key == record_.key;
      record_ = ahead_;
      LATHE_TRY(ahead_valid_, sorted_.next(ahead_));
      in_group_ = follows || (ahead_valid_ && ahead_.key == record_.key);
      if (!in_group_) continue;
      record = record_;
      return true;
    }
  }

 private:
  SortedRecords sorted_;
  SortRecord record_, ahead_;
  bool started_ = false, ahead_valid_ = false, in_group_ = false;
};

}  // namespace

Result<CandidateSort> CandidateSort::open(SortSettings settings, dist::Communicator& job) {
  if (job.size() == 1) {
    LATHE_TRY(ExternalSorter sorter, ExternalSorter::open(std::move(settings)));
    return CandidateSort(std::move(sorter), job, 0);
  }
  // An eighth for what waits, sorted by rank in another, and an eighth or more for what arrives.
  const int64_t eighth = settings.memory_bytes / 8;
  settings.name += "-" + std::to_string(job.rank());
  settings.memory_bytes = std::max(kMinSortMemory, 4 * eighth);
  LATHE_TRY(ExternalSorter sorter, ExternalSorter::open(std::move(settings)));
  return CandidateSort(std::move(sorter), job, std::max<int64_t>(eighth / static_cast<int64_t>(sizeof(SortRecord)), 64));
}

Status CandidateSort::add(SortRecord record) {
  if (job_->size() == 1) return sorter_.add(record);
  require(std::ssize(waiting_) < waiting_records_, "[candidates] more than ", waiting_records_,
          " records without an exchange");
  waiting_.push_back(record);
  return {};
}

Status CandidateSort::exchange() {
  const int ranks = job_->size();
  if (ranks == 1) return {};
  constexpr int64_t kBytes = sizeof(SortRecord);
  std::vector<int64_t> counts(static_cast<size_t>(ranks)), starts(static_cast<size_t>(ranks));
  for (const SortRecord& record : waiting_) ++counts[owner_of(record.key, ranks)];
  for (size_t r = 1; r < starts.size(); ++r) starts[r] = starts[r - 1] + counts[r - 1];
  std::vector<SortRecord> sent(waiting_.size());
  for (const SortRecord& record : waiting_) sent[static_cast<size_t>(starts[owner_of(record.key, ranks)]++)] = record;
  waiting_.clear();
  for (int64_t& count : counts) count *= kBytes;
  std::vector<std::byte> arrived;
  std::vector<int64_t> received;
  LATHE_TRY_STATUS(job_->all_to_all(sent.data(), counts, dist::ElementType::kUInt8, arrived, received));
  SortRecord record;
  for (size_t at = 0; at + sizeof record <= arrived.size(); at += sizeof record) {
    std::memcpy(&record, arrived.data() + at, sizeof record);
    LATHE_TRY_STATUS(sorter_.add(record));
  }
  return {};
}

Status CandidateSort::finish(const std::function<Status(const SortRecord&)>& visit) {
  require(waiting_.empty(), "[candidates] ", waiting_.size(), " records without an exchange");
  LATHE_TRY(SortedRecords sorted, sorter_.finish());
  Groups groups(std::move(sorted));
  SortRecord record;
  if (job_->is_main())
    while (true) {
      LATHE_TRY(const bool more, groups.next(record));
      if (!more) break;
      LATHE_TRY_STATUS(visit(record));
    }
  std::vector<SortRecord> chunk;
  std::vector<std::byte> arrived;
  std::vector<int64_t> counts(static_cast<size_t>(job_->size())), received;
  for (int source = 1; source < job_->size(); ++source)
    for (int64_t size = 1; size > 0;) {
      chunk.clear();
      if (job_->rank() == source)
        while (std::ssize(chunk) < kChunkRecords) {
          LATHE_TRY(const bool more, groups.next(record));
          if (!more) break;
          chunk.push_back(record);
        }
      size = std::ssize(chunk);
      LATHE_TRY_STATUS(job_->broadcast(&size, 1, dist::ElementType::kInt64, source));
      if (size == 0) break;
      counts[0] = std::ssize(chunk) * static_cast<int64_t>(sizeof record);
      LATHE_TRY_STATUS(job_->all_to_all(chunk.data(), counts, dist::ElementType::kUInt8, arrived, received));
      for (size_t at = 0; at + sizeof record <= arrived.size(); at += sizeof record) {
        std::memcpy(&record, arrived.data() + at, sizeof record);
        LATHE_TRY_STATUS(visit(record));
      }
    }
  return {};
}

}  // namespace lathe::corpus
