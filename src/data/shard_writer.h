// Documents to numbered Parquet shards "shard_00000.parquet" of about the same number of characters, as corpora are hosted:
// one column `text`, row groups of 1024 documents, zstd level 3, no dictionary, no statistics. Rows C-1.11, C-17.15.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "data/parquet.h"

namespace lathe::data {

struct ShardFacts {
  std::string name;
  int64_t documents = 0, characters = 0;
};

class ShardWriter {
 public:
  using OnShard = std::function<void(const ShardFacts& shard)>;

  // A shard ends with the first document at which it holds at least `characters` code points and a multiple of
  // kGroupDocuments documents. on_shard (may be empty) is called for each that stands whole.
  ShardWriter(fs::path folder, int64_t characters, OnShard on_shard)
      : folder_(std::move(folder)), characters_(characters), on_shard_(std::move(on_shard)) {}

  Status add(std::string_view text);  // valid UTF-8
  Status finish();                    // writes the last, smaller shard; a whole last one leaves none
  int64_t shards() const { return shards_; }

 private:
  fs::path folder_;
  int64_t characters_;
  OnShard on_shard_;
  int64_t shards_ = 0;  // whole ones
  ShardFacts open_;
  std::unique_ptr<ParquetWriter> writer_;
};

}  // namespace lathe::data
