#include "corpus/external_sort.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <deque>
#include <functional>
#include <optional>
#include <vector>

#include "core/check.h"
#include "corpus/plain_file.h"

namespace lathe::corpus {
namespace {

constexpr int64_t kRecordBytes = sizeof(SortRecord);
constexpr int64_t kSmallestBuffer = 4 << 10, kLargestBuffer = 1 << 20;
constexpr int64_t kMostRuns = 256;  // merged at once: every run holds a file descriptor

// A run file: this header, then `records` records.
struct RunHeader {
  std::array<char, 8> magic = {'l', 'a', 't', 'h', 'e', 'r', 'u', 'n'};
  int64_t records = 0;
};

// A run on disk, removed with this object.
class Run {
 public:
  Run(fs::path path, int64_t records) : path_(std::move(path)), records_(records) {}
  Run(Run&& other) noexcept : path_(std::exchange(other.path_, {})), records_(other.records_) {}
  Run& operator=(Run&&) = delete;
  ~Run() {
    std::error_code code;
    if (!path_.empty()) fs::remove(path_, code);
  }
  const fs::path& path() const { return path_; }
  int64_t records() const { return records_; }

 private:
  fs::path path_;
  int64_t records_;
};

class RunWriter {
 public:
  // The run is made by the caller before the first byte is written, so that a failure removes its file, too.
  static Result<RunWriter> open(const Run& run, int64_t buffer_bytes) {
    LATHE_TRY(OutputFile file, OutputFile::create(run.path()));
    RunHeader header;
    header.records = run.records();
    LATHE_TRY_STATUS(file.write(&header, sizeof header));
    RunWriter writer(std::move(file));
    writer.buffer_.reserve(static_cast<size_t>(buffer_bytes / kRecordBytes));
    return writer;
  }
  Status write(const SortRecord* records, size_t count) { return file_.write(records, count * kRecordBytes); }
  Status add(const SortRecord& record) {
    buffer_.push_back(record);
    return buffer_.size() == buffer_.capacity() ? flush() : Status();
  }
  Status close() {
    LATHE_TRY_STATUS(flush());
    return file_.close();
  }

 private:
  explicit RunWriter(OutputFile file) : file_(std::move(file)) {}
  Status flush() {
    LATHE_TRY_STATUS(write(buffer_.data(), buffer_.size()));
    buffer_.clear();
    return {};
  }
  OutputFile file_;
  std::vector<SortRecord> buffer_;
};

class RunReader {
 public:
  static Result<RunReader> open(Run run, int64_t buffer_bytes) {
    LATHE_TRY(InputFile file, InputFile::open(run.path()));
    RunHeader header, expected;
    expected.records = run.records();
    const auto bytes = static_cast<int64_t>(sizeof header) + run.records() * kRecordBytes;
    if (file.size() != bytes)
      return error_at(run.path().string(), file.size(), "a sorted run of ", bytes, " bytes has now ", file.size(),
                      ": it was cut or changed; start the step again");
    LATHE_TRY_STATUS(file.read_at(0, &header, sizeof header));
    if (std::memcmp(&header, &expected, sizeof header) != 0)
      return error_at(run.path().string(), 0, "is not the sorted run that was written; start the step again");
    return RunReader(std::move(run), std::move(file), buffer_bytes);
  }
  const SortRecord& front() const { return buffer_[at_]; }
  // Moves on to the next record; false at the end. Called once before the first front().
  Result<bool> advance() {
    if (++at_ < buffer_.size()) return true;
    const int64_t count = std::min(room_, run_.records() - taken_);
    if (count == 0) return false;
    buffer_.resize(static_cast<size_t>(count));
    const auto offset = static_cast<int64_t>(sizeof(RunHeader)) + taken_ * kRecordBytes;
    LATHE_TRY_STATUS(file_.read_at(offset, buffer_.data(), buffer_.size() * kRecordBytes));
    taken_ += count;
    at_ = 0;
    return true;
  }

 private:
  RunReader(Run run, InputFile file, int64_t buffer_bytes)
      : run_(std::move(run)), file_(std::move(file)), room_(buffer_bytes / kRecordBytes) {}
  Run run_;
  InputFile file_;
  int64_t room_, taken_ = 0;  // records of the buffer; records read from the file
  std::vector<SortRecord> buffer_;
  size_t at_ = 0;
};

// The smallest front of several runs, by a heap of (record, run).
class Merge {
 public:
  static Result<Merge> open(std::vector<Run> runs, int64_t buffer_bytes) {
    Merge merge;
    for (Run& run : runs) {
      LATHE_TRY(RunReader reader, RunReader::open(std::move(run), buffer_bytes));
      merge.readers_.push_back(std::move(reader));
    }
    for (size_t i = 0; i < merge.readers_.size(); ++i) {
      LATHE_TRY(const bool more, merge.readers_[i].advance());
      if (more) merge.heap_.push_back({merge.readers_[i].front(), i});
    }
    std::make_heap(merge.heap_.begin(), merge.heap_.end(), std::greater<>());
    return merge;
  }
  Result<bool> next(SortRecord& record) {
    if (heap_.empty()) return false;
    std::pop_heap(heap_.begin(), heap_.end(), std::greater<>());
    Entry& last = heap_.back();
    record = last.record;
    RunReader& reader = readers_[last.run];
    LATHE_TRY(const bool more, reader.advance());
    if (more) {
      last.record = reader.front();
      std::push_heap(heap_.begin(), heap_.end(), std::greater<>());
    } else {
      heap_.pop_back();
    }
    return true;
  }

 private:
  struct Entry {
    SortRecord record;
    size_t run;
    auto operator<=>(const Entry&) const = default;
  };
  std::deque<RunReader> readers_;
  std::vector<Entry> heap_;
};

}  // namespace

struct SortedRecords::State {
  std::vector<SortRecord> records;  // all of them, when nothing was spilled
  size_t at = 0;
  std::optional<Merge> merge;
};

SortedRecords::SortedRecords(std::unique_ptr<State> state) : state_(std::move(state)) {}
SortedRecords::SortedRecords(SortedRecords&&) noexcept = default;
SortedRecords::~SortedRecords() = default;

Result<bool> SortedRecords::next(SortRecord& record) {
  if (state_->merge) return state_->merge->next(record);
  if (state_->at == state_->records.size()) return false;
  record = state_->records[state_->at++];
  return true;
}

struct ExternalSorter::State {
  SortSettings settings;
  size_t capacity = 0;  // records of the buffer
  std::vector<SortRecord> buffer;
  std::deque<Run> runs;
  int64_t records = 0, spilled = 0, serial = 0;

  Run new_run(int64_t count) {
    return Run(settings.folder / (settings.name + ".run-" + std::to_string(serial++) + ".tmp"), count);
  }

  Status spill() {
    std::sort(buffer.begin(), buffer.end());
    Run run = new_run(static_cast<int64_t>(buffer.size()));
    LATHE_TRY(RunWriter writer, RunWriter::open(run, 0));
    LATHE_TRY_STATUS(writer.write(buffer.data(), buffer.size()));
    LATHE_TRY_STATUS(writer.close());
    runs.push_back(std::move(run));
    buffer.clear();
    ++spilled;
    return {};
  }

  std::vector<Run> take_runs(int64_t count) {
    std::vector<Run> taken;
    for (; count > 0; --count) {
      taken.push_back(std::move(runs.front()));
      runs.pop_front();
    }
    return taken;
  }

  // The oldest runs become one, until all the others fit into one merge.
  Status merge_down(int64_t most) {
    while (std::ssize(runs) > most) {
      const int64_t count = std::min(most, std::ssize(runs) - most + 1);
      const int64_t each = std::min(settings.memory_bytes / (count + 1), kLargestBuffer);
      std::vector<Run> taken = take_runs(count);
      int64_t total = 0;
      for (const Run& run : taken) total += run.records();
      Run merged = new_run(total);
      LATHE_TRY(Merge merge, Merge::open(std::move(taken), each));
      LATHE_TRY(RunWriter writer, RunWriter::open(merged, each));
      SortRecord record;
      while (true) {
        LATHE_TRY(const bool more, merge.next(record));
        if (!more) break;
        LATHE_TRY_STATUS(writer.add(record));
      }
      LATHE_TRY_STATUS(writer.close());
      runs.push_back(std::move(merged));
    }
    return {};
  }
};

ExternalSorter::ExternalSorter(std::unique_ptr<State> state) : state_(std::move(state)) {}
ExternalSorter::ExternalSorter(ExternalSorter&&) noexcept = default;
ExternalSorter::~ExternalSorter() = default;

Result<ExternalSorter> ExternalSorter::open(SortSettings settings) {
  if (settings.memory_bytes < kMinSortMemory)
    return error("a memory bound of ", settings.memory_bytes, " bytes is too small to sort with; at least ",
                 kMinSortMemory, " are needed");
  LATHE_TRY_STATUS(make_folders(settings.folder));
  auto state = std::make_unique<State>();
  state->capacity = static_cast<size_t>(settings.memory_bytes / kRecordBytes);
  state->settings = std::move(settings);
  return ExternalSorter(std::move(state));
}

Status ExternalSorter::add(SortRecord record) {
  State& state = *state_;
  // At once and not by doubling: pages that are never written take no memory, a grown vector's copy would.
  if (state.buffer.capacity() < state.capacity) state.buffer.reserve(state.capacity);
  if (state.buffer.size() == state.capacity) LATHE_TRY_STATUS(state.spill());
  state.buffer.push_back(record);
  ++state.records;
  return {};
}

Result<SortedRecords> ExternalSorter::finish() {
  State& state = *state_;
  auto sorted = std::make_unique<SortedRecords::State>();
  if (state.runs.empty()) {
    std::sort(state.buffer.begin(), state.buffer.end());
    sorted->records = std::move(state.buffer);
    return SortedRecords(std::move(sorted));
  }
  LATHE_TRY_STATUS(state.spill());
  std::vector<SortRecord>().swap(state.buffer);
  const int64_t most = std::min(state.settings.memory_bytes / kSmallestBuffer - 1, kMostRuns);
  LATHE_TRY_STATUS(state.merge_down(most));
  const int64_t each = std::min(state.settings.memory_bytes / std::ssize(state.runs), kLargestBuffer);
  LATHE_TRY(Merge merge, Merge::open(state.take_runs(std::ssize(state.runs)), each));
  sorted->merge.emplace(std::move(merge));
  return SortedRecords(std::move(sorted));
}

int64_t ExternalSorter::records() const { return state_->records; }
int64_t ExternalSorter::runs_written() const { return state_->spilled; }

}  // namespace lathe::corpus
