// The signature files of all sources as one sequence of documents, by rank. One thread at a time. Any number of files:
// at most kMostOpen of them are open at once.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "corpus/duplicates.h"
#include "corpus/signature_file.h"

namespace lathe::corpus {

inline constexpr int64_t kMostOpen = 128;

class SignatureSet {
 public:
  static Result<SignatureSet> open(const std::vector<SignatureSource>& sources, MinHashSettings settings);

  int64_t documents() const { return documents_; }
  int64_t source_of(int64_t rank) const { return parts_[index_of(rank)].source; }
  std::string hashes() const;  // of all files, with the source each belongs to

  // The documents of the files number `share`, share + shares, ... by rank. Documents that do not rise within a source
  // are an error.
  Status scan(int64_t share, int64_t shares,
              const std::function<Status(int64_t rank, int64_t source, const SignatureView&)>& visit) const;
  int64_t documents_of_share(int64_t share, int64_t shares) const;
  Result<SignatureView> read(int64_t rank, std::vector<uint32_t>& buffer) const;
  Result<ExactHash> read_exact(int64_t rank) const;

 private:
  struct Part {
    fs::path path;
    std::string hash;
    int64_t source, first;  // rank of its first document
    int64_t documents;
    std::unique_ptr<SignatureReader> reader;  // null: closed
  };
  size_t index_of(int64_t rank) const;
  // The part of a document, open.
  Result<const Part*> part_of(int64_t rank) const;
  MinHashSettings settings_;
  mutable std::vector<Part> parts_;
  mutable int64_t open_ = 0;
  int64_t documents_ = 0;
};

}  // namespace lathe::corpus
