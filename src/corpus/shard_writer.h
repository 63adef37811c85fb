// The shards of a corpus: shard_0000.jsonl.zst and so on (.jsonl.gz, .jsonl, .parquet), each of at most `shard_size`
// documents. Rows L-2.30, L-2.31, L-2.38, L-2.39.
//
// A record holds text, source and id (16 hexadecimal digits: SHA-256 of the source's name, a zero byte and the document's
// number in decimal digits), and "contaminated" where evaluation texts are flagged. Compressed files are frames
// (members) of about 2 MiB of records each, made by all threads; where they are cut depends on the documents alone.
//
// A finished shard leaves a record of itself beside the parts, so an interrupted run goes on after the last one.
#pragma once

#include <cstdint>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "core/manifest.h"
#include "corpus/mix_settings.h"
#include "corpus/selection.h"

namespace lathe::corpus {

struct ShardCounts {
  int64_t documents = 0, characters = 0, bytes = 0;  // bytes of the texts
  ShardCounts& operator+=(const ShardCounts& other);
  Json to_json() const;
};

struct Shard {
  FileRecord file;
  ShardCounts counts;
  std::vector<ShardCounts> sources;
};

std::string document_id(const std::string& source, uint64_t place);
std::string shard_name(int64_t number, const MixSettings::Processing& settings);
// Appends `text`, valid UTF-8, as a JSON string.
void append_json_string(std::string_view text, std::string& out);

class ShardWriter {
 public:
  // Shards go to `folder`, records of finished ones to `records`. Finished shards of an interrupted run stand in
  // shards() and are not written again.
  static Result<std::unique_ptr<ShardWriter>> open(const fs::path& folder, const fs::path& records, const MixSettings& mix);
  ~ShardWriter();

  const std::vector<Shard>& shards() const { return shards_; }
  int64_t finished_documents() const;
  // One thread. Compresses and writes in the background: an error may come with a later document.
  Status add(MixDocument document);
  Status finish();

 private:
  struct Chunk {
    std::vector<MixDocument> documents;
    int64_t bytes = 0;
    bool ends_shard = false;
    std::string packed;
  };
  class Target;
  ShardWriter(fs::path folder, fs::path records, const MixSettings& mix);
  Status load_finished();
  Status hand_over();
  Status write(std::vector<Chunk>& chunks);
  Status pack(Chunk& chunk) const;
  Status close_shard();

  fs::path folder_, records_;
  MixSettings::Processing settings_;
  std::vector<std::string> names_;  // of the sources
  bool flags_ = false;
  std::vector<Shard> shards_;
  Chunk chunk_;
  int64_t in_shard_ = 0;            // documents taken for the shard that is filled
  std::vector<Chunk> waiting_;
  std::future<Status> writing_;
  std::unique_ptr<Target> target_;  // of the background
  Shard open_;
};

}  // namespace lathe::corpus
