// The file of one source's documents for the search of duplicates: per document its number, exact hash, number of
// shingles and signature, 32 + 4 * permutations bytes. Rows L-2.20, L-2.24, L-2.25; trap T6.
//
// Layout, little-endian: a header of 64 bytes (magic "lathesig", uint32 format version, MinHash version, permutations,
// shingle size, hash version of words; zeros; SHA-256 of these 32 bytes), the records (uint64 document, uint64
// exact[2], int64 shingles, uint32 signature[permutations]) by rising document number, a trailer of 64 bytes (magic
// "lathsend", int64 documents, uint64 checksum of the records, zeros; SHA-256 of the header and these 32 bytes). A file
// that was cut short, or whose header, trailer or length does not fit, is refused when it is opened; changed records
// when scanned.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "corpus/minhash.h"
#include "corpus/plain_file.h"

namespace lathe::corpus {

inline constexpr uint32_t kSignatureFormat = 1;

struct SignatureView {
  uint64_t document = 0;  // its place in the source, counted as the caller likes, rising
  ExactHash exact;
  int64_t shingles = 0;  // 0: exact match only (L-2.27)
  std::span<const uint32_t> signature;
};

// Records of documents that follow each other. One thread at a time; different blocks may be filled by different
// threads.
class SignatureBlock {
 public:
  explicit SignatureBlock(const MinHasher& hasher) : hasher_(&hasher) {}  // the hasher must outlive the block
  void add(uint64_t document, std::string_view normalised);
  int64_t documents() const { return documents_; }

 private:
  friend class SignatureWriter;
  const MinHasher* hasher_;
  std::vector<char> bytes_;
  int64_t documents_ = 0;
};

// The bytes of the file depend on the blocks' numbers and content only, not on when they arrive or from which thread.
class SignatureWriter {
 public:
  static Result<SignatureWriter> open(const fs::path& path, MinHashSettings settings);
  SignatureWriter(SignatureWriter&&) noexcept;
  ~SignatureWriter();  // without commit() nothing is left

  // Any thread. Block numbers are 0, 1, 2, ..., each once, in any order: a block that is early stays in memory until
  // those before it came. Documents must rise through all blocks; else it throws.
  Status write_block(int64_t number, SignatureBlock block);
  // Puts the file in place under its name; gives the number of documents. A missing block is an error.
  Result<int64_t> commit();

 private:
  struct State;
  explicit SignatureWriter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

class SignatureReader {
 public:
  // Signatures made with other settings or another version are refused.
  static Result<SignatureReader> open(const fs::path& path, MinHashSettings settings);
  int64_t documents() const { return documents_; }
  const std::string& hash() const { return hash_; }  // 64 hexadecimal digits, of all that the file holds

  // All records in order, through a buffer of at most 1 MiB; stops at the first error of `visit`.
  Status scan(const std::function<Status(int64_t index, const SignatureView&)>& visit) const;
  // Record `index`; the view's signature stands in `buffer`.
  Result<SignatureView> read(int64_t index, std::vector<uint32_t>& buffer) const;
  Result<ExactHash> read_exact(int64_t index) const;

 private:
  SignatureReader(InputFile file, MinHashSettings settings) : file_(std::move(file)), settings_(settings) {}
  int64_t record_bytes() const;
  InputFile file_;
  MinHashSettings settings_;
  int64_t documents_ = 0;
  uint64_t checksum_ = 0;
  std::string hash_;
};

}  // namespace lathe::corpus
