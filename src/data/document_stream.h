// The endless stream of document lists that a rank trains on (C-1.21): groups rank, rank + W, ... of every part, cut
// into lists of at most `list_size` documents, pass after pass. One thread at a time.
#pragma once

#include <optional>

#include "data/corpus.h"

namespace lathe::data {

// A document's address within a split.
struct DocumentPosition {
  int64_t part = 0;
  int64_t group = 0;
  int64_t index = 0;
  friend auto operator<=>(const DocumentPosition&, const DocumentPosition&) = default;
};

// Where the stream goes on: the next document to hand out (index may be the group's size: then the next group).
struct StreamCursor {
  int64_t epoch = 1;
  DocumentPosition next;
};

struct DocumentList {
  std::vector<std::string> texts;
  DocumentPosition first;  // its documents are first.index, first.index + 1, ... of one group
  int64_t epoch = 1;       // counts passes from 1
};

struct StreamOptions {
  int64_t rank = 0, world = 1;
  int64_t list_size = 128;
};

class DocumentStream {
 public:
  DocumentStream(std::shared_ptr<const Corpus> corpus, Split split, StreamOptions options);

  // A split without a document for this rank is an error, not an endless search (trap R6).
  Status next(DocumentList& list);

  StreamCursor cursor() const { return cursor_; }
  Status seek(const StreamCursor& cursor);
  // C-1.29: goes on after the group that was last read into a buffer when the state was saved, by the rule
  // (floor(group / W) + 1) * W + rank, in the next part where that is beyond the end.
  Status seek_after(int64_t part, int64_t group, int64_t epoch);

  const Corpus& corpus() const { return *corpus_; }
  Split split() const { return split_; }
  const StreamOptions& options() const { return options_; }

 private:
  Status advance();  // loads the next group

  std::shared_ptr<const Corpus> corpus_;
  Split split_;
  StreamOptions options_;
  GroupReader reader_;
  StreamCursor cursor_;
  std::vector<std::string> texts_;  // of the cursor's group, once loaded
  bool loaded_ = false;
  int barren_passes_ = 0;  // ends of a pass since the last document
};

// The documents at `positions` (any order), read with one forward pass over each file: for an exact resume.
Result<std::vector<std::string>> read_documents(const Corpus& corpus, Split split,
                                                const std::vector<DocumentPosition>& positions);

}  // namespace lathe::data
