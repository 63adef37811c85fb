// Pass 1 over one source: its parts, each made from the raw files or the cache, or found finished from an interrupted
// run. Rows L-2.1, L-2.35, L-2.38, L-2.39; L-1.25.
//
// Threads: blocks of a part are worked on by all threads while the next part is read and the one before is written. Of W ranks that see the same folder
// rank r makes the parts p with p mod W = r, W parts at a time, and takes up those of the others. A part beyond the one
// that reaches the wanted characters is never used, so the result is the same.
#pragma once

#include <future>
#include <memory>
#include <optional>
#include <vector>

#include "corpus/part.h"
#include "corpus/source_cache.h"
#include "dist/communicator.h"

namespace lathe::corpus {

class SourcePass {
 public:
  // `tools` and what it points at outlive the pass. `cache`: null without one.
  SourcePass(BlockTools tools, std::vector<SourceFile> files, fs::path folder, std::string origin,
             std::optional<SourceCache> cache);
  ~SourcePass();
  SourcePass(SourcePass&&) noexcept;

  // Parts in order until the filters have kept that many characters, or the source ends. Collective; the same parts on
  // every rank.
  Status extend(int64_t kept_characters, dist::Communicator& job);
  bool ended() const { return !parts_.empty() && parts_.back().last; }
  const std::vector<Part>& parts() const { return parts_; }
  int64_t kept_characters() const;
  const std::vector<SourceFile>& files() const { return files_; }
  int64_t worked_bytes() const { return worked_bytes_; }          // text that this run cleaned and filtered
  int64_t worked_documents() const { return worked_documents_; }

 private:
  struct Raw {  // what a part is made from
    std::vector<Block> blocks;
    std::optional<SourceCache::Entry> cached;
    bool last = false;
    int64_t files_read = 0;
  };
  Result<Raw> fetch(int64_t number);
  Status make_parts(int64_t kept_characters, dist::Communicator& job);
  Status make(Part& part, Raw raw);  // writing goes on in the background
  Status write(const Part& part, std::vector<BlockResult> results, bool cached);
  Status written();  // of the last part made
  Status check_texts(const Part& part) const;  // a wrong column is told even where invalid records are skipped

  BlockTools tools_;
  std::vector<SourceFile> files_;
  fs::path folder_;
  std::string origin_;
  std::optional<SourceCache> cache_;
  std::vector<Part> parts_;
  std::unique_ptr<SourceReader> reader_;
  std::optional<Block> ahead_;   // read to see whether the source goes on
  int64_t next_raw_block_ = 0;   // that the reader gives
  int64_t worked_bytes_ = 0, worked_documents_ = 0;
  std::future<Status> writing_;  // last: what it works on outlives it
};

}  // namespace lathe::corpus
