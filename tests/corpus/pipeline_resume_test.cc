// Interrupted runs, the cache, bad sources.
#include <sys/resource.h>

#include <csignal>

#include "core/signals.h"
#include "data/parquet_rows.h"
#include "tests/corpus/pipeline_fixture.h"

namespace lathe::corpus {
namespace {

class Resume : public PipelineTest {
 protected:
  // About 6 parts of two sources, 12 shards.
  PipelineSettings larger() {
    const int documents = static_cast<int>(kBlockDocuments) * static_cast<int>(kPartBlocks) * 2 + 500;
    std::vector<std::string> made;
    for (int i = 0; i < documents; ++i) made.push_back(made_text(1, static_cast<uint64_t>(i), 5));
    write_records(root / "a.jsonl.zst", made);
    write_records(root / "b.jsonl", made_texts(2, 4000, 30));
    return settings({{"a", root / "a.jsonl.zst"}, {"b", root / "b.jsonl"}}, R"(, "processing_params": {"shard_size": 12000})");
  }
};

// L-2.38
TEST_F(Resume, StoppedAnywhereItGoesOnWithTheSameBytes) {
  auto wanted = larger();
  wanted.output = root / "whole";
  take(prepare_corpus(wanted));
  const auto expected = content(wanted.output);

  wanted.output = root / "stopped";
  std::string said;
  for (const char* at : {"source a", "duplicates"}) {
    const StopSignals signals;
    wanted.print = [&](const std::string& line) {
      said += line + "\n";
      if (line.starts_with(at)) std::raise(SIGTERM);
    };
    EXPECT_PART(failure(wanted), "goes on from here");
    EXPECT_FALSE(fs::exists(wanted.output));
  }
  wanted.print = [&](const std::string& line) { said += line + "\n"; };
  take(prepare_corpus(wanted));
  EXPECT_PART(said, "going on with the interrupted run");
  EXPECT_TRUE(content(wanted.output) == expected);
  EXPECT_FALSE(fs::exists(root / "stopped.partial"));
}

// A disk that fills up: here a limit on the size of a file, which only the large second half of the shards reaches.
// L-1.25, L-2.38
TEST_F(Resume, AFullDiskIsAnErrorAndTheNextRunGoesOnAfterTheFinishedShards) {
  std::vector<std::string> made = made_texts(1, 600, 20);
  for (uint64_t i = 0; i < 40; ++i) made.push_back(made_text(2, i, 8000));
  write_records(root / "a.jsonl", made);
  auto wanted = settings({{"a", root / "a.jsonl"}}, R"(, "processing_params": {"shard_size": 200, "compression": "none"})");
  wanted.output = root / "whole";
  take(prepare_corpus(wanted));
  const auto expected = content(wanted.output);

  wanted.output = root / "full";
  struct rlimit before {};
  getrlimit(RLIMIT_FSIZE, &before);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  struct rlimit limit = before;
  limit.rlim_cur = 1'200'000;  // of the parts, compressed, less; of the last shard more
  setrlimit(RLIMIT_FSIZE, &limit);
  const std::string message = failure(wanted);
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_PART(message, "shard_0003.jsonl");
  EXPECT_TRUE(fs::exists(root / "full.partial" / "shard_0002.jsonl"));
  EXPECT_FALSE(fs::exists(root / "full.partial" / "shard_0003.jsonl"));

  std::string said;
  wanted.print = [&](const std::string& line) { said += line + "\n"; };
  take(prepare_corpus(wanted));
  EXPECT_PART(said, "after 3 finished shards");
  EXPECT_TRUE(content(wanted.output) == expected);
}

// L-2.38
TEST_F(Resume, ADamagedPartOrShardOfAnInterruptedRunIsMadeAgain) {
  auto wanted = larger();
  wanted.output = root / "whole";
  take(prepare_corpus(wanted));
  const auto expected = content(wanted.output);
  wanted.output = root / "stopped";
  {
    const StopSignals signals;
    wanted.print = [](const std::string& line) {
      if (line.starts_with("duplicates")) std::raise(SIGTERM);
    };
    EXPECT_NE(failure(wanted), "");
  }
  wanted.print = [](const std::string&) {};
  const fs::path parts = root / "stopped.partial" / ".passes" / "a";
  fs::resize_file(parts / "000000.texts.zst", 1000);
  std::string records = take(read_file(parts / "000001.records"));
  records[5] = static_cast<char>(records[5] ^ 1);
  write_text(parts / "000001.records", records);
  fs::remove(root / "stopped.partial" / ".passes" / "b" / "000000.signatures");
  write_text(root / "stopped.partial" / "shard_0000.jsonl.zst.tmp.123", "what a killed run leaves behind");
  take(prepare_corpus(wanted));
  EXPECT_TRUE(content(wanted.output) == expected);
}

// L-2.35, L-2.36
TEST_F(Resume, CacheIsSharedVerifiedAndChangesNothing) {
  std::vector<std::string> made = made_texts(1, 500, 30);
  made[3] += " see https://example.org/x now";
  write_records(root / "a.jsonl", made);
  auto wanted = settings({{"a", root / "a.jsonl"}});
  wanted.output = root / "plain";
  take(prepare_corpus(wanted));
  const auto expected = content(root / "plain");
  const auto entries = [&] { return take(list_files(root / "base" / "cache", {".cleaned.zst"}, true)); };

  wanted.use_cache = true;
  wanted.output = root / "first";
  take(prepare_corpus(wanted));
  ASSERT_EQ(entries().size(), 1u);
  const fs::path entry = entries()[0];
  const std::string bytes = take(read_file(entry));
  EXPECT_TRUE(content(root / "first") == expected);

  wanted.output = root / "second";  // from the cache
  take(prepare_corpus(wanted));
  EXPECT_TRUE(content(root / "second") == expected);

  fs::resize_file(entry, bytes.size() / 2);  // cut short: made again, never read
  wanted.output = root / "third";
  take(prepare_corpus(wanted));
  EXPECT_TRUE(content(root / "third") == expected);
  EXPECT_EQ(take(read_file(entry)), bytes);

  std::string changed = bytes;
  changed[changed.size() / 2] = static_cast<char>(changed[changed.size() / 2] ^ 1);
  write_text(entry, changed);
  wanted.output = root / "fourth";
  take(prepare_corpus(wanted));
  EXPECT_TRUE(content(root / "fourth") == expected);
  EXPECT_EQ(take(read_file(entry)), bytes);

  wanted.mix.sources[0].length.min_length = 60;  // a filter: the cleaned texts are the same
  wanted.output = root / "filtered";
  take(prepare_corpus(wanted));
  EXPECT_EQ(entries().size(), 1u);
  wanted.mix.cleaning.remove_urls = false;  // the cleaning: another entry
  wanted.output = root / "cleaned";
  take(prepare_corpus(wanted));
  EXPECT_EQ(entries().size(), 2u);
}

// L-2.36: proof that the cache is what is read: an entry with other texts and fitting hashes comes through.
// L-2.35
TEST_F(Resume, ACacheHitDoesNotReadTheSource) {
  write_records(root / "a.jsonl", made_texts(1, 50, 30));
  auto wanted = settings({{"a", root / "a.jsonl"}});
  wanted.use_cache = true;
  take(prepare_corpus(wanted));
  const auto time = fs::last_write_time(root / "a.jsonl");
  std::string bytes = take(read_file(root / "a.jsonl"));
  for (char& c : bytes) c = c == '{' ? '[' : c;  // no record can be read any more
  write_text(root / "a.jsonl", bytes);
  fs::last_write_time(root / "a.jsonl", time);
  wanted.output = root / "second";
  take(prepare_corpus(wanted));
  EXPECT_EQ(texts(root / "second"), texts(root / "out"));
}

// L-1.25
TEST_F(Resume, ATruncatedSourceIsAnErrorThatNamesIt) {
  for (const char* name : {"a.jsonl.zst", "a.jsonl.gz", "a.jsonl"}) {
    write_records(root / name, made_texts(1, 300, 30));
    fs::resize_file(root / name, fs::file_size(root / name) - 100);
    auto wanted = settings({{"a", root / name}});
    const std::string message = failure(wanted);
    EXPECT_PART(message, name);
    EXPECT_PART(message, "cut short");
    EXPECT_FALSE(fs::exists(root / "out"));
  }
  EXPECT_PART(failure(settings({{"a", root / "nowhere.jsonl"}})), "no such file");
}

// L-1.25, L-2.2
TEST_F(Resume, AMissingTextColumnIsAnErrorThatNamesTheOthers) {
  write_records(root / "a.jsonl", made_texts(1, 30, 30), "TEXT");
  auto wanted = settings({{"a", root / "a.jsonl"}});
  EXPECT_PART(failure(wanted), "no field \"text\"; its fields are: TEXT");
  wanted.mix.sources[0].invalid_records = "skip";
  EXPECT_PART(failure(wanted), "none of the first 30 records");
  wanted.mix.sources[0].text_keys = {"content", "TEXT"};
  take(prepare_corpus(wanted));
  EXPECT_EQ(records(root / "out").size(), 30u);

  auto file = take(data::ParquetStrings::create(root / "b.parquet", {"id", "body"}));
  for (const std::string& text : made_texts(1, 30, 30)) check(file->add({"x", text}));
  check(file->close());
  wanted = settings({{"b", root / "b.parquet"}});
  wanted.output = root / "b";
  EXPECT_PART(failure(wanted), "its columns are: id, body");
  wanted.mix.sources[0].text_keys = {"body"};
  take(prepare_corpus(wanted));
  EXPECT_EQ(texts(root / "b"), made_texts(1, 30, 30));
}

// L-1.25
TEST_F(Resume, NothingLeftIsAnError) {
  write_records(root / "a.jsonl", made_texts(1, 30, 30));
  auto wanted = settings({{"a", root / "a.jsonl"}});
  wanted.mix.sources[0].length.min_length = 100000;
  EXPECT_PART(failure(wanted), "no document is left");
  EXPECT_FALSE(fs::exists(root / "out"));
}

// L-2.12, L-2.2
TEST_F(Resume, OddRecordsAreCountedOrStopTheRunByKey) {
  std::string bytes;
  for (int i = 0; i < 20; ++i) bytes += "{\"meta\": {\"body\": \"" + made_text(1, static_cast<uint64_t>(i), 20) + "\"}}\n";
  bytes += "{\"meta\": {\"body\": \"bad \xff\xfe bytes in here\"}}\n\n[1, 2]\n{\"meta\": {\"body\": 7}}\n{\"meta\": {\"body\": null}}\n";
  write_text(root / "a.jsonl", bytes);
  auto wanted = settings({{"a", root / "a.jsonl"}}, "", R"(, "text_keys": ["meta.body"], "invalid_records": "skip")");
  take(prepare_corpus(wanted));
  EXPECT_EQ(records(root / "out").size(), 21u);
  EXPECT_EQ(texts(root / "out")[20].substr(0, 4), "bad ");
  EXPECT_PART(texts(root / "out")[20], "\xEF\xBF\xBD");
  const Json source = manifest(root / "out").at("sources").at(size_t{0});
  EXPECT_EQ(source.at("read").at("not_json").as_int(), 1);
  EXPECT_EQ(source.at("read").at("no_text").as_int(), 2);
  EXPECT_EQ(source.at("cleaning").at("invalid_utf8").as_int(), 1);

  wanted.mix.cleaning.invalid_utf8 = "drop";
  wanted.output = root / "dropped";
  take(prepare_corpus(wanted));
  EXPECT_EQ(records(wanted.output).size(), 20u);
  EXPECT_EQ(manifest(wanted.output).at("sources").at(size_t{0}).at("cleaning").at("dropped_invalid").as_int(), 1);

  wanted.mix.sources[0].invalid_records = "error";
  wanted.output = root / "error";
  EXPECT_PART(failure(wanted), "line 23");
}

// L-2.2, L-1.18
TEST_F(Resume, SourcesAreFilesOrFoldersOfAnyKind) {
  write_records(root / "mixed" / "1.jsonl.zst", made_texts(1, 10, 30));
  write_records(root / "mixed" / "deep" / "2.json.gz", made_texts(2, 10, 30));
  write_text(root / "mixed" / "3.txt", made_text(3, 0, 30) + "\n<|endoftext|>\n" + made_text(3, 1, 30) + "\n");
  write_text(root / "mixed" / "README.md", "no text");
  auto wanted = settings({{"remote", "x"}});
  wanted.mix.sources[0].type = "hf", wanted.mix.sources[0].dataset_name = "some/set", wanted.mix.sources[0].subset = "en";
  EXPECT_PART(failure(wanted), "lathe download hf://datasets/some/set/en/");
  wanted.source_map = {{"remote", (root / "mixed").string()}};
  take(prepare_corpus(wanted));
  std::vector<std::string> expected = made_texts(1, 10, 30);
  expected.push_back(made_text(3, 0, 30)), expected.push_back(made_text(3, 1, 30));
  for (const std::string& text : made_texts(2, 10, 30)) expected.push_back(text);
  EXPECT_EQ(texts(root / "out"), expected);
  EXPECT_PART(take(read_file(root / "out" / "DATA_CARD.md")), "in the place of some/set, subset en");
  wanted.source_map["other"] = "y";
  EXPECT_PART(failure(wanted), "no source \"other\"");
}

}  // namespace
}  // namespace lathe::corpus
