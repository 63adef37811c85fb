#include "corpus/source_pass.h"

#include <atomic>
#include <mutex>

#include "core/parallel.h"
#include "core/signals.h"

namespace lathe::corpus {

SourcePass::SourcePass(BlockTools tools, std::vector<SourceFile> files, fs::path folder, std::string origin,
                       std::optional<SourceCache> cache)
    : tools_(tools), files_(std::move(files)), folder_(std::move(folder)), origin_(std::move(origin)), cache_(std::move(cache)) {
  tools_.keep_cleaned = cache_.has_value();
}
SourcePass::~SourcePass() = default;
SourcePass::SourcePass(SourcePass&&) noexcept = default;

int64_t SourcePass::kept_characters() const {
  int64_t sum = 0;
  for (const Part& part : parts_) sum += part.kept_characters;
  return sum;
}

Result<SourcePass::Raw> SourcePass::fetch(int64_t number) {
  Raw raw;
  if (cache_) {
    SourceCache::Entry entry;
    LATHE_TRY(const bool found, cache_->read(number, entry));
    if (found) {
      raw.last = entry.last, raw.files_read = entry.files_read;
      raw.cached = std::move(entry);
      return raw;
    }
  }
  const int64_t first = number * kPartBlocks;
  if (reader_ == nullptr || next_raw_block_ > first) {
    reader_ = std::make_unique<SourceReader>(*tools_.source, files_);
    next_raw_block_ = 0;
    ahead_.reset();
  }
  if (next_raw_block_ < first) {
    LATHE_TRY_STATUS(reader_->skip(first - next_raw_block_ - (ahead_ ? 1 : 0)));
    ahead_.reset();
    next_raw_block_ = first;
  }
  while (true) {
    Block block;
    bool found = true;
    if (ahead_) {
      block = std::move(*ahead_);
      ahead_.reset();
    } else {
      LATHE_TRY(found, reader_->next(block));
    }
    if (!found) {
      raw.last = true;
      break;
    }
    if (static_cast<int64_t>(raw.blocks.size()) == kPartBlocks) {
      ahead_ = std::move(block);
      break;
    }
    raw.files_read = reader_->files_read();
    raw.blocks.push_back(std::move(block));
    ++next_raw_block_;
  }
  return raw;
}

Status SourcePass::make(Part& part, Raw raw) {
  const int64_t blocks = static_cast<int64_t>(raw.cached ? raw.cached->frames.size() : raw.blocks.size());
  std::vector<BlockResult> results(static_cast<size_t>(blocks));
  std::atomic<int64_t> next = 0;
  std::mutex mutex;
  Status failure;
  int64_t failed_block = blocks;
  parallel_for(num_threads(), 1, [&](int64_t begin, int64_t end) {
    for (int64_t worker_number = begin; worker_number < end; ++worker_number) {
      BlockWorker worker(tools_);
      Block thawed;
      for (int64_t i = next++; i < blocks; i = next++) {
        const auto at = static_cast<size_t>(i);
        Status status;
        if (raw.cached) {
          status = read_cleaned_frame(raw.cached->frames[at], cache_->folder().string(), thawed);
          if (status.ok()) status = worker.work(thawed, results[at]);
        } else {
          status = worker.work(raw.blocks[at], results[at]);
          raw.blocks[at] = {};
        }
        if (status.ok()) continue;
        const std::lock_guard lock(mutex);
        if (i < failed_block) failed_block = i, failure = status;
      }
    }
  });
  LATHE_TRY_STATUS(failure);
  for (const BlockResult& result : results) {
    worked_bytes_ += result.bytes_in;
    worked_documents_ += static_cast<int64_t>(result.records.size());
  }
  if (raw.cached) {
    if (!results.empty()) results[0].cleaning = std::move(raw.cached->cleaning);
  }
  part.last = raw.last, part.files_read = raw.files_read;
  count_part(part, results);
  LATHE_TRY_STATUS(check_texts(part));
  LATHE_TRY_STATUS(written());
  writing_ = std::async(std::launch::async, [this, part, cached = raw.cached.has_value(), results = std::move(results)]() mutable {
    return write(part, std::move(results), cached);
  });
  return {};
}

Status SourcePass::write(const Part& part, std::vector<BlockResult> results, bool cached) {
  if (cache_ && !cached) {
    SourceCache::Entry entry;
    entry.last = part.last, entry.files_read = part.files_read;
    for (BlockResult& result : results) {
      entry.frames.push_back(std::move(result.cleaned));
      entry.cleaning.add(result.cleaning, 1 << 20);
    }
    LATHE_TRY_STATUS(cache_->write(part.number, entry));
  }
  return write_part(part, std::move(results), origin_, tools_.hasher);
}

Status SourcePass::written() { return writing_.valid() ? writing_.get() : Status(); }

Status SourcePass::check_texts(const Part& part) const {
  const int64_t read = part.cleaning.count("read.documents");
  const int64_t invalid = part.cleaning.count("read.no_text") + part.cleaning.count("read.not_json");
  if (part.number > 0 || read == 0 || invalid < read) return {};
  const auto examples = part.cleaning.examples.find("read.invalid");
  return error_at(files_[0].path.string(), -1, "source \"", tools_.source->name, "\": none of the first ", read,
                  " records has a text under its \"text_keys\"; the first record begins: ",
                  examples == part.cleaning.examples.end() ? "" : excerpt(examples->second[0].as_string(), 200));
}

Status SourcePass::extend(int64_t wanted, dist::Communicator& job) {
  const Status made = make_parts(wanted, job), last = written();
  return made.ok() ? last : made;
}

Status SourcePass::make_parts(int64_t wanted, dist::Communicator& job) {
  std::future<Result<Raw>> coming;
  const auto fetch_later = [&](int64_t number) {
    coming = std::async(std::launch::async, [this, number] { return fetch(number); });
  };
  const int64_t ranks = job.size();
  const auto short_of = [&] { return !ended() && (parts_.empty() || kept_characters() < wanted); };
  while (short_of()) {
    if (StopSignals::requested()) return error("stopped; the same command goes on from here");
    const auto first = static_cast<int64_t>(parts_.size());
    Part own;
    own.folder = folder_, own.number = first + (job.rank() + ranks - first % ranks) % ranks;
    if (coming.valid() || !load_part(own, origin_, tools_.hasher != nullptr)) {
      if (!coming.valid()) fetch_later(own.number);
      LATHE_TRY(Raw raw, coming.get());
      if (!raw.last) fetch_later(own.number + ranks);
      const bool behind_the_end = own.number > 0 && raw.blocks.empty() && !raw.cached;
      const Status made = behind_the_end ? Status() : make(own, std::move(raw));
      if (!made.ok()) {
        if (coming.valid()) coming.wait();
        return made;
      }
    }
    if (ranks > 1) LATHE_TRY_STATUS(written());  // the others take it up from disk
    LATHE_TRY_STATUS(job.barrier());
    for (int64_t number = first; number < first + ranks && short_of(); ++number) {
      if (number == own.number) {
        parts_.push_back(std::move(own));
        continue;
      }
      Part other;
      other.folder = folder_, other.number = number;
      if (!load_part(other, origin_, tools_.hasher != nullptr))
        return error_at(folder_.string(), -1, "part ", number, " of rank ", number % ranks,
                        " is not there: all ranks must see the same folder and the same source files");
      parts_.push_back(std::move(other));
    }
  }
  if (coming.valid()) {
    // What was read ahead is read again when the source is extended.
    coming.wait();
    reader_.reset();
  }
  return {};
}

}  // namespace lathe::corpus
