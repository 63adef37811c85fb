// Which documents the corpus gets: survivors of the search of duplicates that the filters kept, source by source up to
// the budget, and in which order they stand. Rows L-2.6, L-2.19, L-2.32.
//
// Order of the mix: the next document comes from the source whose share so far is the smallest, by (estimated tokens
// written + offset) / weight; the offset, below kMixOffset tokens, is the seed's. So any prefix has the weights'
// proportions to within one document and the offset, as long as no source has ended. A source's own order stays.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "corpus/part.h"
#include "corpus/survivors.h"

namespace lathe::corpus {

constexpr double kMixOffset = 1000;

struct Amount {
  int64_t documents = 0, characters = 0;
};

struct SourceSelection {
  int64_t first_rank = 0, end_rank = 0;  // documents of [first, end) may be chosen; ranks run through all sources
  int64_t first_selected = 0;            // rank of the first selected document, if there is one
  Amount cleaned;                        // all
  Amount unique;                         // that stay after the search of duplicates
  std::map<uint16_t, Amount> removed;    // of them, by the filters' verdict
  Amount available;                      // that the filters keep
  Amount selected;                       // within the budget
  int64_t flagged = 0;                   // of the selected ones
  bool reached = false;                  // the budget ended the source, not its last document
};

// Sources by their parts, in order. `survivors`: null: all stay. A document is taken when the budget and its margin still
// hold it; one that is too large for what is left ends the source, or is passed over while the budget less its margin is
// not reached. `available` holds those, too.
Result<std::vector<SourceSelection>> select_documents(const std::vector<const std::vector<Part>*>& sources,
                                                      const std::vector<SourceSettings>& settings, const Survivors* survivors);

struct MixDocument {
  size_t source = 0;
  uint64_t place = 0;
  uint32_t characters = 0;
  bool flagged = false;
  std::string text;
};

// The selected documents in the order of the mix. What it is given outlives it. Memory: the records of one part and one
// text a source. One thread at a time.
class MixReader {
 public:
  MixReader(const std::vector<const std::vector<Part>*>& sources, const std::vector<SourceSettings>& settings,
            const std::vector<SourceSelection>& selections, const Survivors* survivors, uint64_t seed);
  ~MixReader();

  Result<bool> next(MixDocument& document);
  Status skip(int64_t documents);
  const std::vector<double>& weights() const;  // shares, of sum 1

 private:
  struct Stream;
  Stream* choose();  // null: all ended
  std::vector<std::unique_ptr<Stream>> streams_;
  std::vector<double> weights_;
};

}  // namespace lathe::corpus
