// A corpus: its files in sorted order and which groups of them train and which validate. Rows C-1.9, C-1.10, C-1.12,
// C-1.33; docs/formats/corpus.md. Immutable once open, so shared by threads and loaders.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "data/document_file.h"

namespace lathe::data {

enum class Split { kTrain, kValidation };
Result<Split> parse_split(std::string_view name);  // "train" or "val"

enum class SplitRule {
  kAuto,       // kLastFile for two or more .parquet files, else kTail
  kLastFile,   // the last file validates, all others train; one file is refused (C-1.10)
  kTail,       // the last twentieth of the groups validates, at least one; reads text files once to count
  kTrainOnly,  // every document trains, nothing validates: for a corpus that has its validation set elsewhere
};

// Groups [first_group, end_group) of a file; end_group -1 = to its end.
struct CorpusPart {
  int64_t file = 0;
  int64_t first_group = 0;
  int64_t end_group = -1;
};

class Corpus {
 public:
  // A file, or a folder. A folder with .parquet files directly in it is those files; else every text file below it.
  static Result<std::shared_ptr<const Corpus>> open(const fs::path& path, SplitRule rule = SplitRule::kAuto);

  const fs::path& path() const { return path_; }
  const std::vector<fs::path>& files() const { return files_; }
  const std::vector<CorpusPart>& parts(Split split) const { return split == Split::kTrain ? train_ : validation_; }
  Result<std::unique_ptr<DocumentFile>> open_file(int64_t file) const;
  int64_t group_documents() const { return group_documents_; }  // of the text formats
  // 16 hex digits over the names and sizes of the files, the group size and the split: equal iff addresses of documents
  // mean the same (as far as sizes tell).
  const std::string& fingerprint() const { return fingerprint_; }

 private:
  Corpus() = default;
  Status split_last_file();
  Status split_tail();
  Status sign();

  fs::path path_;
  std::vector<fs::path> files_;
  std::vector<CorpusPart> train_, validation_;
  int64_t group_documents_ = kGroupDocuments;
  std::string fingerprint_;
};

// Where documents come from, group by group: a corpus, or a generator.
class DocumentSource {
 public:
  virtual ~DocumentSource() = default;
  // False at the end; else the next group's documents (a group may be empty).
  virtual Result<bool> next_group(std::vector<std::string>& texts) = 0;
};

// One pass over a split: of every part the groups start, start + step, ... (C-1.12).
class GroupReader : public DocumentSource {
 public:
  GroupReader(std::shared_ptr<const Corpus> corpus, Split split, int64_t start = 0, int64_t step = 1);
  Result<bool> next_group(std::vector<std::string>& texts) override;

  // Of the group that the last next_group returned: index of the part in its split, and group in its file.
  int64_t part() const { return part_; }
  int64_t group() const { return group_; }
  // The next group read is the first at or after `group` of that part that is this reader's own by place in the file:
  // callers pass start + k * step.
  void seek(int64_t part, int64_t group);
  // The first group of a part that belongs to this reader.
  int64_t first_group(int64_t part) const;
  int64_t parts() const { return static_cast<int64_t>(corpus_->parts(split_).size()); }

 private:
  std::shared_ptr<const Corpus> corpus_;
  Split split_;
  int64_t start_, step_;
  int64_t part_ = 0, group_ = 0;
  int64_t next_part_ = 0, next_group_ = -1;  // -1: the part's first
  int64_t open_index_ = -1;                  // file that `open_` reads
  std::unique_ptr<DocumentFile> open_;
};

}  // namespace lathe::data
