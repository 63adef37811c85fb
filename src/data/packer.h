// Packs a corpus into shards of token sequences of one length (rows L-4.1 to L-4.15). Two passes: documents are encoded
// on all workers into one file of tokens per split, then written in their final order. Memory: a few blocks of text, 16
// bytes a document at most, and the window of the best-fit strategy. The bytes depend on the text, the tokenizer and
// the settings alone, never on the number of workers (row L-4.9).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/json.h"
#include "data/record_reader.h"
#include "tokenizer/tokenizer.h"

namespace lathe::data {

enum class PackingStrategy {
  kGreedy,  // documents one after another, cut every T tokens (row L-4.4)
  // The same stream in an order that cuts fewer documents: the longest waiting document that fits into the rest of a
  // row comes next; when none fits the longest of all is cut there and goes on at the start of the next row. Nothing is
  // lost.
  kBestFit,
};
Result<PackingStrategy> parse_packing_strategy(std::string_view name);  // "greedy" or "best_fit"

enum class TailRule {
  kDrop,  // tokens after the last whole sequence of a split are dropped and counted
  kPad,   // they fill one more sequence, padded with the end token; the padding is no target
};

struct PackSettings {
  int64_t sequence_length = 1024;
  double train_val_split = 0.95;  // share of documents that train
  PackingStrategy strategy = PackingStrategy::kGreedy;
  TailRule tail = TailRule::kDrop;
  bool shuffle = true;
  uint64_t seed = 42;
  bool add_bos = false;
  bool mask_across_documents = false;  // recorded for training (row L-4.8)
  int64_t shard_size = 100000;         // sequences
  int64_t num_workers = 4;             // 0: everything in the calling thread
  int64_t buffer_size = 10000;         // documents in flight in the second pass; the window of kBestFit
};

// What begins and ends a document (row L-4.3).
struct Separators {
  std::optional<int32_t> bos, eos;
  std::optional<int32_t> unk;
};
// eos: the tokenizer's end token. A tokenizer with one delimiter alone (<|bos|> of the chat family) starts each
// document with it and ends it with nothing, because the next document's start is the end. Neither: an error.
Result<Separators> separators(const tokenizer::Tokenizer& tokenizer, bool add_bos);

struct SourceCounts {
  std::string source;
  int64_t documents = 0, characters = 0, bytes = 0;
  int64_t tokens = 0;  // encoded, separators included
  int64_t unknown = 0;
};

struct SplitCounts {
  int64_t documents = 0, encoded = 0, sequences = 0, dropped = 0, padding = 0;
  int64_t cut_documents = 0;       // that stand in more than one sequence
  std::vector<std::string> files;  // .bin and .idx, relative to the folder
};

struct PackReport {
  SplitCounts train, validation;
  std::vector<SourceCounts> sources;  // in order of name
  double encode_seconds = 0, write_seconds = 0;
  SourceCounts total() const;
  Json to_json(int64_t estimated_tokens) const;  // row L-4.10; estimate 0: not known
};

// Writes the shards into `folder` (which exists). Temporary files are below it and are gone at the end. Errors: what
// the reader says, a vocabulary above 2^31, no document, no whole sequence to train on, disk full.
Result<PackReport> pack(RecordReader& records, const tokenizer::Tokenizer& tokenizer, const std::string& tokenizer_hash,
                        const PackSettings& settings, const fs::path& folder);

// The side of the split a document is on: a pure function of its id and the seed (row L-4.6).
bool is_train_document(std::string_view id, uint64_t seed, double train_share);

}  // namespace lathe::data
