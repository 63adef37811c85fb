// Whether a model has seen an evaluation set in training: by the record of the corpus' preparation, else by looking for the set's
// word n-grams in the training text. One call for every evaluation verb.
#pragma once

#include <vector>

#include "cli/verb.h"
#include "train/load_model.h"

namespace lathe::cli {

// What of a long training text is looked at.
inline constexpr int64_t kContaminationBytes = 64 << 20;

// Of one corpus (file or folder) and files of .jsonl or .txt:
//   {"checked": "removed at preparation" | "n-gram scan" | "unknown: why", "sets": {file's name: figures}}
// Figures of a preparation: "ngram", "documents" (of the corpus that shared an n-gram; removed). Of a scan: "items",
// "contaminated_items", "share", "documents", beside "ngram", "scanned_bytes" and "scanned_whole" of all sets; "warning" where an item was found.
Json contamination_of_text(const fs::path& corpus, const std::vector<fs::path>& sets, int64_t most_bytes = kContaminationBytes);

// The same for a model, whose checkpoint names its training text; logs the warning. "unknown" of foreign models, and of stages
// that record conversations only.
Json contamination_of(const Context& context, bool foreign, const train::LoadedModel& loaded, const std::vector<fs::path>& sets);

}  // namespace lathe::cli
