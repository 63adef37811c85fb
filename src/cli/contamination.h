// Whether a model has seen an evaluation set in training: by the record of the corpus' preparation, else by looking for the set's
// word n-grams in the training text. One call for every evaluation verb.
#pragma once

#include <vector>

#include "cli/trained_text.h"
#include "cli/verb.h"
#include "train/load_model.h"

namespace lathe::cli {

// What of a long training text is looked at.
inline constexpr int64_t kContaminationBytes = 64 << 20;

// Of one corpus (file or folder) and files of .jsonl, .txt or .parquet:
//   {"checked": "removed at preparation" | "n-gram scan" | "unknown: why", "sets": {file's name: figures}}
// Figures of a preparation: "ngram", "documents" (of the corpus that shared an n-gram; removed). Of a scan: "items",
// "contaminated_items", "share", "documents", beside "ngram", "scanned_bytes" and "scanned_whole" of all sets; "warning" where an item was found.
Json contamination_of_text(const fs::path& corpus, const std::vector<fs::path>& sets, int64_t most_bytes = kContaminationBytes);

// Of the texts of every stage. Of one stage as above; of several {"checked": "by stage" or "unknown: ...", "stages": {its name: as
// above}, "warning" where a stage has one}; "not_looked_at" in a stage of which a part is gone.
Json contamination_of_stages(const std::vector<TrainedStage>& stages, const std::vector<fs::path>& sets, int64_t most_bytes = kContaminationBytes);

// The same for a model, by the records of its checkpoint; logs the warning. "unknown" of foreign models.
Json contamination_of(const Context& context, bool foreign, const train::LoadedModel& loaded, const std::vector<fs::path>& sets);

}  // namespace lathe::cli
