// The beginnings of some documents, read from the parts: samples for the report and the data card.
#pragma once

#include <string>
#include <vector>

#include "corpus/duplicates.h"
#include "corpus/selection.h"

namespace lathe::corpus {

// [sample][member]: its beginning; empty when the filters did not keep it.
Result<std::vector<std::vector<std::string>>> read_cluster_texts(const std::vector<const std::vector<Part>*>& sources,
                                                                 const std::vector<ClusterSample>& samples);
// Of the first selected document of each source; empty for a source without one.
Result<std::vector<std::string>> read_first_texts(const std::vector<const std::vector<Part>*>& sources,
                                                  const std::vector<SourceSelection>& selections, const Survivors* survivors);

}  // namespace lathe::corpus
