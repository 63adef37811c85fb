// Which documents stay: one bit a document, in the order of all sources. Rows L-2.23, L-2.24.
//
// File, little-endian: magic "lathkeep", uint32 version, uint32 zero, int64 documents, 64 hexadecimal digits that name
// what the bits were computed from, the bits (document i is bit i % 64 of word i / 64), SHA-256 of all before it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/file.h"
#include "dist/communicator.h"

namespace lathe::corpus {

class Survivors {
 public:
  explicit Survivors(int64_t documents = 0);  // none stays
  int64_t documents() const { return documents_; }
  bool kept(int64_t rank) const { return (words_[static_cast<size_t>(rank / 64)] >> (rank % 64) & 1) != 0; }
  void keep(int64_t rank) { words_[static_cast<size_t>(rank / 64)] |= uint64_t{1} << (rank % 64); }
  int64_t count() const;
  friend bool operator==(const Survivors&, const Survivors&) = default;

  // The bits of the main rank become those of all, which have as many documents. Collective.
  Status broadcast(dist::Communicator& job);

  // `fingerprint`: 64 hexadecimal digits (DuplicateReport::fingerprint). load() refuses bits of another one, so that an
  // interrupted run takes up only what belongs to its inputs; and a file that was cut short or changed.
  Status save(const fs::path& path, const std::string& fingerprint) const;
  static Result<Survivors> load(const fs::path& path, const std::string& fingerprint);

 private:
  int64_t documents_;
  std::vector<uint64_t> words_;
};

}  // namespace lathe::corpus
