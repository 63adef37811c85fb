// Text of any length for measuring: documents of about 4 KiB made of the sentences of a base text. The first round has
// them in their order, each further one in an order drawn by seed and round, so no two documents are alike, and the
// statistics of words, lines and sentences stay those of the base.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/file.h"

namespace lathe::bench {

inline constexpr int64_t kDocumentBytes = 4096;

// The first `most_bytes` of the documents of a file or folder (data/document_file.h); empty `path`: English-like
// sentences of drawn words.
Result<std::string> read_base_text(const fs::path& path, int64_t most_bytes, uint64_t seed);

// One thread at a time.
class SentenceMix {
 public:
  SentenceMix(std::string text, uint64_t seed);  // text: not empty

  // The next document; `document` keeps its memory.
  void next(std::string& document);
  int64_t sentences() const { return static_cast<int64_t>(order_.size()); }
  int64_t round() const { return round_; }

 private:
  void shuffle();
  std::string text_;
  std::vector<size_t> starts_;  // of the sentences; the last is the end of the text
  std::vector<uint32_t> order_;
  uint64_t seed_;
  int64_t round_ = 0;
  size_t next_ = 0;
};

}  // namespace lathe::bench
