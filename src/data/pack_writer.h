// One split on its way into shards: gathers encoded documents in a file without a name, then writes them in their final
// order (rows L-4.4, L-4.5, L-4.7; docs/formats/packed.md).
#pragma once

#include <span>
#include <string>
#include <vector>

#include "data/packed_file.h"
#include "data/packer.h"
#include "data/spool_file.h"

namespace lathe::data {

class PackWriter {
 public:
  static Result<PackWriter> create(const fs::path& folder, std::string split, int64_t token_bytes,
                                   const TokenizerHash& tokenizer, const PackSettings& settings);

  // `tokens` in the width of the shards, `lengths` in tokens, in the order of the corpus.
  Status add_documents(std::span<const std::byte> tokens, std::span<const uint32_t> lengths);
  // Writes all shards; `padding` fills the last sequence with TailRule::kPad. A split without a whole sequence has no
  // file.
  Result<SplitCounts> write(int32_t padding);

 private:
  PackWriter(SpoolFile tokens, SpoolFile lengths) : tokens_(std::move(tokens)), lengths_(std::move(lengths)) {}
  Result<std::vector<uint64_t>> document_offsets();
  Status check_room() const;

  SpoolFile tokens_, lengths_;
  fs::path folder_;
  std::string split_;
  int64_t token_bytes_ = 2;
  TokenizerHash tokenizer_{};
  PackSettings settings_;
  SplitCounts counts_;
};

}  // namespace lathe::data
