// From raw sources to verified shards (rows L-1.17 to 1.25, L-2.1 to 2.40): reads the sources of a mix and writes
// <output>/shard_0000.jsonl.zst ..., manifest.json, DATA_CARD.md, report.html. The bytes depend on sources, settings and
// version alone: not on threads, memory bounds, the cache or how often the run was interrupted.
//
// Pass 1, per source (corpus/source_pass.h): blocks are cleaned, signed and judged by the filters on all threads; their
// results become part files below <output>.partial/.passes/<source>. Pass 2: duplicates over all sources from the parts'
// signatures (corpus/duplicates.h). Pass 3: the selected documents, in the order of the mix, become shards
// (corpus/selection.h, corpus/shard_writer.h). A source with a budget is read until its filters have kept a twentieth
// more than the budget; where duplicates take more than that, it is read on and pass 2 is done again.
//
// Memory: two parts of raw text (16 MiB each, more with documents above 1 MiB) and the results of one, the bound of the
// search of duplicates, 8 bytes and 2 bits a document while it runs; texts and records wait on disk.
//
// Several ranks that see the same files share passes 1 and 2 (rows L-1.25, L-2.24): each makes the parts whose number is
// its own modulo W (SourcePass), and reads and sorts its share of the signatures (corpus/candidate_sort.h). The main rank
// compares candidates, makes the shards and writes the rest. A rank that fails ends the job; the next run goes on.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/manifest.h"
#include "corpus/duplicates.h"
#include "corpus/evaluation_sets.h"
#include "corpus/mix_settings.h"
#include "corpus/selection.h"
#include "corpus/shard_writer.h"
#include "corpus/source_pass.h"
#include "dist/communicator.h"

namespace lathe::corpus {

struct PipelineSettings {
  MixSettings mix;
  SourceMap source_map;
  fs::path base;              // of downloads, cache, evaluation sets
  fs::path output;            // the folder to write
  bool use_cache = false;
  bool force = false;
  int64_t memory_bytes = int64_t{256} << 20;  // of the search of duplicates, of each rank
  dist::Communicator* job = nullptr;          // the ranks that share the work; null: this process alone
  std::function<void(const std::string&)> print = [](const std::string&) {};
};

// What both a run and its analysis need, found before any long work.
struct Prepared {
  std::vector<std::vector<SourceFile>> files;  // of each source
  QualityFilter quality;
  std::vector<EvaluationFile> evaluation_files;
  std::unique_ptr<Decontaminator> decontaminator;  // null: off
  std::string config_sha256;                       // of all that decides the result
};
Result<Prepared> prepare(const PipelineSettings& settings);

// All that is known at the end of pass 3: what manifest, card and report are made of.
struct CorpusFacts {
  const MixSettings* mix = nullptr;
  const QualityFilter* quality = nullptr;
  const Decontaminator* decontaminator = nullptr;
  std::vector<bool> stood_in;              // sources whose place local files took (source_map)
  std::vector<Tally> cleaning, filtering;  // of each source
  std::vector<SourceSelection> selections;
  std::vector<double> weights;             // of the mix, of sum 1
  std::optional<DuplicateReport> duplicates;
  std::vector<std::vector<std::string>> cluster_texts;  // beginnings of the samples' members; empty: not kept
  std::vector<Shard> shards;
  std::vector<std::string> sample_texts;                // beginnings of a source's first selected document, of each

  ShardCounts total() const;
  ShardCounts of_source(size_t source) const;
  double tokens_of_source(size_t source) const;  // estimated
};

struct PipelineResult {
  bool already_done = false;
  fs::path folder;
  Manifest manifest;
  // Of this run alone, all ranks together; not in the manifest.
  int64_t worked_bytes = 0, worked_documents = 0;
  double seconds = 0;
};

// A stop signal (core/signals.h) ends it with an error between two parts or shards. Every rank calls it with the same
// settings; the result is the main rank's, the others get the folder alone, once it is there.
Result<PipelineResult> prepare_corpus(const PipelineSettings& settings);

// --analyze-only (row L-2.37): reads samples and writes <output>/plan.json, no shard.
struct Analysis {
  Json plan;
  bool budget_met = true;
};
Result<Analysis> analyze_corpus(const PipelineSettings& settings);

}  // namespace lathe::corpus
