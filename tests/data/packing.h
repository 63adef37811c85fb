// Small corpora and packed folders for the tests of packing and loading.
#pragma once

#include <map>

#include "core/rng.h"
#include "data/packed_folder.h"
#include "data/packed_manifest.h"
#include "data/packer.h"
#include "files.h"

namespace lathe::data::testing {

// One token a byte; documents end with <|endoftext|> (id 256).
inline tokenizer::Tokenizer byte_tokenizer(std::vector<std::string> special = {"<|endoftext|>"}) {
  std::vector<std::string> tokens;
  for (int byte = 0; byte < 256; ++byte) tokens.emplace_back(1, static_cast<char>(byte));
  return take(tokenizer::Tokenizer::from_tokens(tokens, special));
}
inline constexpr int32_t kEnd = 256;

// "d<number> " and then letters, 5 to `longest` bytes.
inline std::vector<std::string> some_texts(int64_t count, uint64_t seed = 1, uint64_t longest = 90) {
  std::vector<std::string> texts;
  for (int64_t i = 0; i < count; ++i) {
    Rng rng(seed, "texts", static_cast<uint64_t>(i));
    std::string text = join_text("d", i, ' ');
    for (uint64_t n = rng.below(longest); n > 0; --n) text += static_cast<char>('a' + rng.below(26));
    texts.push_back(std::move(text));
  }
  return texts;
}

// JSON lines as a corpus folder has them; sources alternate between "books" and "web".
inline std::string records(const std::vector<std::string>& texts) {
  std::string out;
  for (size_t i = 0; i < texts.size(); ++i)
    out +=
        Json(Json::Object{{"text", texts[i]}, {"source", i % 2 == 0 ? "books" : "web"}, {"id", join_text("doc-", i)}})
            .dump() +
        "\n";
  return out;
}

inline PackSettings small_settings() {
  PackSettings settings;
  settings.sequence_length = 16;
  settings.train_val_split = 0.8;
  settings.num_workers = 2;
  return settings;
}

struct Packed {
  PackReport report;
  PackedFolder folder;
};

inline Result<PackReport> try_pack(const fs::path& corpus, const fs::path& folder, const PackSettings& settings,
                                   const tokenizer::Tokenizer& tokenizer) {
  check(make_folders(folder));
  RecordReader reader({corpus}, corpus.parent_path());
  LATHE_TRY(PackReport report, pack(reader, tokenizer, tokenizer.hash(), settings, folder));
  Manifest manifest;
  manifest.settings = deciding_settings(settings);
  LATHE_TRY_STATUS(write_packed_manifest(folder, manifest, report, settings, tokenizer, tokenizer.hash(), 0));
  return report;
}

inline Packed pack_texts(const std::vector<std::string>& texts, const fs::path& folder,
                         const PackSettings& settings = small_settings(),
                         const tokenizer::Tokenizer& tokenizer = byte_tokenizer()) {
  const fs::path corpus = folder.parent_path() / (folder.filename().string() + ".jsonl");
  check(write_file_atomic(corpus, records(texts)));
  PackReport report = take(try_pack(corpus, folder, settings, tokenizer));
  return {std::move(report), take(PackedFolder::open(folder))};
}

// The stored tokens of a split in a row: its inputs, and the last target.
inline std::vector<int32_t> stream_of(const PackedSet& set) {
  std::vector<int32_t> stream, ids(static_cast<size_t>(set.sequence_length()) + 1);
  for (int64_t i = 0; i < set.size(); ++i) {
    set.read(i, ids);
    if (!stream.empty() && stream.back() != ids.front()) throw std::runtime_error("sequences do not meet");
    if (!stream.empty()) stream.pop_back();
    stream.insert(stream.end(), ids.begin(), ids.end());
  }
  return stream;
}

// Texts between end tokens.
inline std::vector<std::string> documents_of(const std::vector<int32_t>& stream) {
  std::vector<std::string> texts(1);
  for (const int32_t id : stream) {
    if (id == kEnd)
      texts.emplace_back();
    else
      texts.back() += static_cast<char>(id);
  }
  return texts;
}

inline std::map<std::string, std::string> bytes_of(const fs::path& folder) {
  std::map<std::string, std::string> bytes;
  for (const auto& entry : fs::directory_iterator(folder))
    bytes[entry.path().filename().string()] = take(read_file(entry.path()));
  return bytes;
}

inline void change_byte(const fs::path& path, size_t offset, int by = 1) {
  std::string bytes = take(read_file(path));
  bytes.at(offset) = static_cast<char>(bytes.at(offset) + by);
  check(write_file_atomic(path, bytes));
}

inline void cut_to(const fs::path& path, size_t bytes) { fs::resize_file(path, bytes); }

}  // namespace lathe::data::testing
