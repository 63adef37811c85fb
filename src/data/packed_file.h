// One shard of packed tokens: NAME.bin and NAME.idx (docs/formats/packed.md; rows L-4.5, L-4.11 to L-4.13; traps S9,
// T1). Little-endian on disk; the machine must be little-endian too.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/file.h"

namespace lathe::data {

inline constexpr int64_t kPackedHeaderBytes = 64;
inline constexpr int64_t kLargestVocabularyOfTwoBytes = 65536;

using TokenizerHash = std::array<uint8_t, 32>;
// From and to 64 lower-case hex digits.
Result<TokenizerHash> parse_tokenizer_hash(const std::string& hex);
std::string to_hex(const TokenizerHash& hash);

struct PackedHeader {
  int64_t token_bytes = 2;      // 2 or 4
  int64_t sequence_length = 0;  // T
  int64_t sequences = 0;
  int64_t tokens = 0;  // sequences * T + 1
  TokenizerHash tokenizer{};
  friend bool operator==(const PackedHeader&, const PackedHeader&) = default;
};

// Memory-mapped, immutable, cheap to copy, for any number of threads.
class PackedFile {
 public:
  // `bin` is the path of the .bin file; the .idx stands beside it. Everything is checked before it is used: magic,
  // version, width, the counts against both files' sizes, the document table against the number of tokens. An error
  // names the file and the byte at which the fault shows.
  static Result<PackedFile> open(const fs::path& bin);

  const fs::path& path() const { return path_; }  // of the .bin
  const PackedHeader& header() const { return header_; }
  int64_t documents() const { return static_cast<int64_t>(starts_.size()); }  // that start in this shard
  std::span<const uint64_t> document_starts() const { return starts_; }       // token numbers, ascending

  void read(int64_t first_token, std::span<int32_t> ids) const;

 private:
  fs::path path_;
  MappedFile bin_, idx_;
  PackedHeader header_;
  std::span<const uint64_t> starts_;
};

// Writes one shard. Nothing stands under its names before close(). Memory: 8 bytes a document of the shard.
class PackedFileWriter {
 public:
  static Result<PackedFileWriter> create(const fs::path& bin, int64_t token_bytes, int64_t sequence_length,
                                         const TokenizerHash& tokenizer);
  // Ids as they stand in the file; a whole number of tokens.
  Status add_tokens(std::span<const std::byte> ids);
  void start_document() { starts_.push_back(static_cast<uint64_t>(header_.tokens)); }  // the next token is its first
  int64_t tokens() const { return header_.tokens; }
  // The tokens must be a whole number of sequences and one more; no document may start with the last, which is only a
  // target.
  Status close();

 private:
  PackedFileWriter(fs::path path, AtomicFileWriter bin, PackedHeader header)
      : path_(std::move(path)), bin_(std::move(bin)), header_(header) {}
  fs::path path_;
  AtomicFileWriter bin_;
  PackedHeader header_;
  std::vector<uint64_t> starts_;
};

}  // namespace lathe::data
