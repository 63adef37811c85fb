// Small corpora on disk, and an encoder that needs no tokenizer.
#pragma once

#include <zlib.h>
#include <zstd.h>

#include "data/parquet.h"
#include "data/token_loader.h"
#include "tests/ref/testing.h"

namespace lathe::data::testing {

using lathe::testing::check;
using lathe::testing::take;

inline std::string gzip(std::string_view bytes) {
  z_stream state{};
  deflateInit2(&state, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&state, bytes.size()) + 64, '\0');
  state.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  state.avail_in = static_cast<uInt>(bytes.size());
  state.next_out = reinterpret_cast<Bytef*>(out.data());
  state.avail_out = static_cast<uInt>(out.size());
  deflate(&state, Z_FINISH);
  out.resize(out.size() - state.avail_out);
  deflateEnd(&state);
  return out;
}

inline std::string zstd(std::string_view bytes) {
  std::string out(ZSTD_compressBound(bytes.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), bytes.data(), bytes.size(), 3));
  return out;
}

inline std::string jsonl(const std::vector<std::string>& texts) {
  std::string out;
  for (const std::string& text : texts) out += Json(Json::Object{{"text", text}}).dump() + "\n";
  return out;
}

inline void write_parquet(const fs::path& path, const std::vector<std::string>& texts, int64_t group_documents) {
  auto writer = take(ParquetWriter::create(path, group_documents));
  for (const std::string& text : texts) check(writer->add(text));
  check(writer->close());
}

// Every document of a file, group after group.
inline std::vector<std::string> all_documents(const fs::path& path, int64_t group_documents = kGroupDocuments) {
  auto file = take(open_document_file(path, group_documents));
  std::vector<std::string> all, group;
  for (int64_t i = 0; take(file->read_group(i, group)); ++i) all.insert(all.end(), group.begin(), group.end());
  return all;
}

// The error's text of reading every document of a file; empty when there is none.
inline std::string reading_error(const fs::path& path) {
  auto file = open_document_file(path);
  if (!file.ok()) return file.error().to_string();
  std::vector<std::string> group;
  for (int64_t i = 0;; ++i) {
    const auto found = file.value()->read_group(i, group);
    if (!found.ok()) return found.error().to_string();
    if (!found.value()) return "";
  }
}

template <class T>
std::string message(const Result<T>& result) {
  return result.ok() ? "" : result.error().to_string();
}
inline std::string message(const Status& status) { return status.ok() ? "" : status.error().to_string(); }

// Bytes as ids, kBos in front.
class ByteEncoder : public DocumentEncoder {
 public:
  static constexpr int32_t kBos = 256;
  static std::vector<int32_t> encode_one(std::string_view text) {
    std::vector<int32_t> ids = {kBos};
    for (const char c : text) ids.push_back(static_cast<uint8_t>(c));
    return ids;
  }
  void encode(std::span<const std::string> texts, std::vector<std::vector<int32_t>>& ids) override {
    ids.clear();
    for (const std::string& text : texts) ids.push_back(encode_one(text));
  }
};

// "<tag><i>" followed by as many letters as a fixed rule gives: lengths repeat, some are 0 or very long.
inline std::vector<std::string> documents(const std::string& tag, int64_t count) {
  std::vector<std::string> texts;
  for (int64_t i = 0; i < count; ++i) {
    const auto letters = static_cast<size_t>(i % 17 == 3 ? 150 : (i * 37 + static_cast<int64_t>(tag[0])) % 29);
    texts.push_back(tag + std::to_string(i) + std::string(letters, static_cast<char>('a' + i % 26)));
  }
  return texts;
}

}  // namespace lathe::data::testing
