// Small corpora and runs over them, for the tests of the pipeline.
#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "core/file.h"
#include "core/rng.h"
#include "corpus/frames.h"
#include "corpus/pipeline.h"
#include "data/line_reader.h"
#include "tests/ref/testing.h"

namespace lathe::corpus {

using testing::check;
using testing::take;

inline void write_text(const fs::path& path, std::string_view bytes) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

// `words` made-up words; the same for the same seed and index, unlike any other.
inline std::string made_text(uint64_t seed, uint64_t index, int words) {
  Rng rng(seed, "made text", index);
  std::string text;
  for (int w = 0; w < words; ++w) {
    if (w > 0) text += w % 12 == 0 ? ". " : " ";
    for (uint64_t letters = 2 + rng.below(7); letters > 0; --letters) text += static_cast<char>('a' + rng.below(26));
  }
  return text + ".";
}

inline std::string record_of(const std::string& text, const std::string& key = "text") {
  std::string line = "{\"" + key + "\": ";
  append_json_string(text, line);
  return line + "}\n";
}

inline std::vector<std::string> made_texts(uint64_t seed, int count, int words) {
  std::vector<std::string> texts;
  for (int i = 0; i < count; ++i) texts.push_back(made_text(seed, static_cast<uint64_t>(i), words));
  return texts;
}

inline void write_records(const fs::path& path, const std::vector<std::string>& texts, const std::string& key = "text") {
  std::string bytes;
  for (const std::string& text : texts) bytes += record_of(text, key);
  std::string packed;
  if (path.extension() == ".zst") check(append_zstd_frame(bytes, 1, packed));
  if (path.extension() == ".gz") check(append_gzip_member(bytes, packed));
  write_text(path, packed.empty() ? bytes : packed);
}

class PipelineTest : public ::testing::Test {
 protected:
  // Sources by name and path, with no quality rules and no evaluation sets unless `more` says so (JSON members).
  PipelineSettings settings(const std::vector<std::pair<std::string, fs::path>>& sources, const std::string& more = "",
                            const std::string& per_source = "") {
    std::string list;
    for (const auto& [name, path] : sources)
      list += (list.empty() ? "" : ", ") + join_text("{\"name\": \"", name, "\", \"path\": \"", path.string(), "\"", per_source, "}");
    const std::string quality = more.find("\"quality\"") == std::string::npos ? ", \"quality\": {\"quality\": []}" : "";
    PipelineSettings settings;
    settings.mix = take(MixSettings::read(take(parse_json("{\"name\": \"made\", \"sources\": [" + list + "]" + quality + more + "}")), "made.json"));
    settings.base = root / "base";
    settings.output = root / "out";
    return settings;
  }

  static std::vector<Json> records(const fs::path& folder) {
    std::vector<Json> list;
    for (const fs::path& shard : take(list_files(folder, {".jsonl", ".jsonl.gz", ".jsonl.zst"}, false))) {
      auto lines = take(data::LineReader::open(shard));
      std::string_view line;
      while (take(lines->next(line))) list.push_back(take(parse_json(line)));
    }
    return list;
  }
  static std::vector<std::string> texts(const fs::path& folder) {
    std::vector<std::string> list;
    for (const Json& record : records(folder)) list.push_back(record.at("text").as_string());
    return list;
  }
  static Json manifest(const fs::path& folder) { return take(read_json(folder / "manifest.json")); }

  // All files of a finished corpus by name; of the manifest without its times.
  static std::map<std::string, std::string> content(const fs::path& folder) {
    std::map<std::string, std::string> files;
    for (const auto& entry : fs::directory_iterator(folder)) {
      const std::string name = entry.path().filename().string();
      files[name] = take(read_file(entry.path()));
      if (name != "manifest.json") continue;
      Json facts = take(parse_json(files[name]));
      for (const char* key : {"started", "ended", "seconds"}) facts[key] = nullptr;
      files[name] = facts.dump();
    }
    return files;
  }

  static std::string failure(const PipelineSettings& settings) {
    const auto result = prepare_corpus(settings);
    return result.ok() ? "" : result.error().to_string();
  }

  TemporaryFolder folder_;
  const fs::path root = folder_.path();
};

#define EXPECT_PART(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)

}  // namespace lathe::corpus
