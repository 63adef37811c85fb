// The word n-grams of one evaluation set, as a sorted set of 64-bit hashes (corpus/words.h), kept on disk with its
// SHA-256 for the manifest. Rows L-2.28, L-2.29.
//
// File, little-endian: magic "lathgram", uint32 file version, hash version of words, int64 ngram, texts, short texts,
// bytes of the name, hashes; the name; the hashes, rising; SHA-256 of all before it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/file.h"

namespace lathe::corpus {

inline constexpr int64_t kDefaultNgram = 13;  // words

class NgramSet {
 public:
  // Texts in any order give the same set. Memory: 8 bytes a word of the texts, at most twice that while finishing.
  class Builder {
   public:
    explicit Builder(std::string name, int64_t ngram = kDefaultNgram);  // ngram in 1..kMaxNgram, else it throws
    void add(std::string_view text);
    NgramSet finish() &&;

   private:
    std::string name_;
    int64_t ngram_, texts_ = 0, short_texts_ = 0;
    std::vector<uint64_t> hashes_;
  };

  const std::string& name() const { return name_; }
  int64_t ngram() const { return ngram_; }
  int64_t texts() const { return texts_; }
  int64_t short_texts() const { return short_texts_; }  // fewer words than an n-gram: nothing can match them
  const std::vector<uint64_t>& hashes() const { return hashes_; }

  // 64 hexadecimal digits: SHA-256 of the file's bytes, for the manifest. Reads all hashes.
  std::string sha256() const;
  Status save(const fs::path& path) const;
  // A file that was cut short, changed or made by other hash functions is refused.
  static Result<NgramSet> load(const fs::path& path);

 private:
  NgramSet() = default;
  std::string bytes() const;
  std::string name_;
  int64_t ngram_ = 0, texts_ = 0, short_texts_ = 0;
  std::vector<uint64_t> hashes_;
};

}  // namespace lathe::corpus
