#include "corpus/ngram_set.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "core/sha256.h"
#include "corpus/words.h"

namespace lathe::corpus {
namespace {

struct Header {
  std::array<char, 8> magic = {'l', 'a', 't', 'h', 'g', 'r', 'a', 'm'};
  uint32_t version = 1, words = kHashVersion;
  int64_t ngram = 0, texts = 0, short_texts = 0, name_bytes = 0, hashes = 0;
};
static_assert(sizeof(Header) == 56);

std::string_view bytes_of(const auto& value) { return {reinterpret_cast<const char*>(&value), sizeof value}; }

std::array<uint8_t, 32> digest_of(std::string_view bytes) {
  Sha256 sha;
  sha.update(bytes);
  return sha.digest();
}

}  // namespace

NgramSet::Builder::Builder(std::string name, int64_t ngram) : name_(std::move(name)), ngram_(ngram) {
  NgramHash checked(ngram);  // throws on a size out of range
}

void NgramSet::Builder::add(std::string_view text) {
  NgramHash last(ngram_);
  const size_t before = hashes_.size();
  for_each_word(text, [&](const Word& word) {
    if (last.push(word.hash)) hashes_.push_back(last.hash());
  });
  ++texts_;
  if (hashes_.size() == before) ++short_texts_;
}

NgramSet NgramSet::Builder::finish() && {
  std::sort(hashes_.begin(), hashes_.end());
  hashes_.erase(std::unique(hashes_.begin(), hashes_.end()), hashes_.end());
  hashes_.shrink_to_fit();
  NgramSet set;
  set.name_ = std::move(name_);
  set.ngram_ = ngram_;
  set.texts_ = texts_;
  set.short_texts_ = short_texts_;
  set.hashes_ = std::move(hashes_);
  return set;
}

std::string NgramSet::bytes() const {
  Header header;
  header.ngram = ngram_;
  header.texts = texts_;
  header.short_texts = short_texts_;
  header.name_bytes = std::ssize(name_);
  header.hashes = std::ssize(hashes_);
  std::string all(bytes_of(header));
  all += name_;
  all.append(reinterpret_cast<const char*>(hashes_.data()), 8 * hashes_.size());
  all += bytes_of(digest_of(all));
  return all;
}

std::string NgramSet::sha256() const { return sha256_hex(bytes()); }

Status NgramSet::save(const fs::path& path) const { return write_file_atomic(path, bytes()); }

Result<NgramSet> NgramSet::load(const fs::path& path) {
  LATHE_TRY(const MappedFile file, MappedFile::open(path));
  std::string_view bytes = file.view();
  const auto broken = [&](const auto&... what) {
    return error_at(path.string(), -1, what..., "; make the n-grams of this evaluation set again");
  };
  Header header;
  const Header expected;
  if (bytes.size() < sizeof header + 32) return broken("a file of n-grams was cut short");
  std::memcpy(&header, bytes.data(), sizeof header);
  if (header.magic != expected.magic) return broken("is not a file of n-grams");
  if (header.version != expected.version || header.words != expected.words)
    return broken("n-grams of version ", header.version, ".", header.words, ", needed is ", expected.version, ".",
                  expected.words);
  const std::array<uint8_t, 32> digest = digest_of(bytes.substr(0, bytes.size() - 32));
  if (bytes_of(digest) != bytes.substr(bytes.size() - 32)) return broken("a file of n-grams was cut short or changed");
  bytes.remove_prefix(sizeof header);
  bytes.remove_suffix(32);
  const auto name_bytes = static_cast<uint64_t>(header.name_bytes), hashes = static_cast<uint64_t>(header.hashes);
  if (header.ngram < 1 || header.ngram > kMaxNgram || name_bytes > bytes.size() ||
      (bytes.size() - name_bytes) % 8 != 0 || (bytes.size() - name_bytes) / 8 != hashes)
    return broken("a file of n-grams whose sizes do not fit");
  NgramSet set;
  set.ngram_ = header.ngram;
  set.texts_ = header.texts;
  set.short_texts_ = header.short_texts;
  set.name_ = bytes.substr(0, name_bytes);
  set.hashes_.resize(hashes);
  if (hashes > 0) std::memcpy(set.hashes_.data(), bytes.data() + name_bytes, 8 * hashes);
  return set;
}

}  // namespace lathe::corpus
