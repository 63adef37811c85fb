// The facts of a finished corpus as JSON: what stands in its manifest beside the files. Rows L-2.19, L-2.26, L-2.33.
#pragma once

#include "core/json.h"
#include "corpus/pipeline.h"

namespace lathe::corpus {

// Per source, the steps of the filter with seen, removed, kept, share, in order.
Json filter_funnel(const CorpusFacts& facts, size_t source);
Json source_facts(const CorpusFacts& facts, size_t source);
Json duplicate_facts(const CorpusFacts& facts);
Json decontamination_facts(const CorpusFacts& facts);
Json shard_facts(const CorpusFacts& facts);
// Warnings that belong into log and card: filters that take more than a fifth of a source (L-2.17), sources that end
// below their budget, nothing to decontaminate against.
std::vector<std::string> corpus_warnings(const CorpusFacts& facts);

}  // namespace lathe::corpus
