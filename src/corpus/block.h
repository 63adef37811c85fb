// The work on one block of documents: clean, sign, filter, look for evaluation texts. A pure function of the block and
// the settings, so blocks may be worked on by any thread or rank, in any order; results are put together in block order.
// Rows L-1.20, L-2.14, L-2.19, L-2.28, L-2.39.
//
// Order (L-1.20): clean, exact and near-duplicates, filters (language, length, quality, decontamination). Filters look at
// one document alone, so their verdict is taken here, and counts only for documents that the search of duplicates keeps.
// The signature is of the cleaned text, before a filter cuts or thins it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "corpus/decontaminate.h"
#include "corpus/mix_settings.h"
#include "corpus/signature_file.h"
#include "corpus/source.h"
#include "corpus/tally.h"
#include "data/json_text.h"

namespace lathe::corpus {

// What the filters say of a cleaned document. Values from kFirstRule: that quality rule removed it.
namespace verdict {
inline constexpr uint16_t kKept = 0, kNotEnglish = 1, kTooShort = 2, kTooLong = 3, kContaminated = 4, kFirstRule = 16;
}

// One cleaned document; 16 bytes on disk.
struct DocumentRecord {
  uint64_t place = 0;       // number in the source
  uint32_t characters = 0;  // of the kept text, else of the cleaned one; at most 2^32 - 1
  uint16_t verdict = verdict::kKept;
  uint16_t flagged = 0;     // 1: kept although it holds evaluation text
  friend bool operator==(const DocumentRecord&, const DocumentRecord&) = default;
};

// Immutable; shared by all threads.
struct BlockTools {
  const MixSettings* mix;
  const SourceSettings* source;
  const QualityFilter* quality;
  const Decontaminator* decontaminator;  // null: off
  const MinHasher* hasher;               // null: no search of duplicates
  bool keep_cleaned = false;             // for the cache
};

struct BlockResult {
  std::vector<DocumentRecord> records;        // of all cleaned documents
  std::optional<SignatureBlock> signatures;   // of the same
  std::string texts;    // a zstd frame: of each kept document uint32 bytes, then they
  std::string cleaned;  // a zstd frame: of each cleaned document uint64 place, uint32 bytes, then they
  Tally cleaning;       // of reading and cleaning: what a cached block brings along
  Tally filtering;
  int64_t kept = 0, kept_characters = 0;
  int64_t bytes_in = 0;
};

// One per thread.
class BlockWorker {
 public:
  explicit BlockWorker(const BlockTools& tools);
  // An error: a record without a text where that is an error.
  Status work(const Block& block, BlockResult& result);

 private:
  Result<bool> read(const Block& block, const Block::Document& document, std::string_view& text, Tally& tally);
  void judge(std::string_view cleaned, DocumentRecord& record, BlockResult& result);
  void note_contamination(std::string_view text, const std::vector<Contamination>& found, uint64_t place, Tally& tally);

  BlockTools tools_;
  data::JsonTextReader json_;
  CleanScratch clean_scratch_;
  QualityScratch quality_scratch_;
  CleanCounts clean_counts_;
  LengthCounts length_counts_;
  QualityCounts quality_counts_;
  std::string parsed_, texts_, cleaned_;
};

// The documents of a frame of cleaned texts, as a block of form kCleaned.
Status read_cleaned_frame(std::string_view frame, const std::string& path, Block& block);

// The steps of the filter in their order, with the verdicts that belong to each.
struct FilterStep {
  std::string name;
  std::vector<uint16_t> verdicts;
};
std::vector<FilterStep> filter_steps(const QualityFilter& quality);

}  // namespace lathe::corpus
