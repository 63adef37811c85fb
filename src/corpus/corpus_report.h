// report.html of a corpus: funnel of each source, lengths and qualities of a sample, what each step removed with
// examples, clusters of duplicates. Holds nothing that differs between two runs of the same settings.
#pragma once

#include <string>

#include "corpus/pipeline.h"

namespace lathe::corpus {

std::string corpus_report(const CorpusFacts& facts);

}  // namespace lathe::corpus
