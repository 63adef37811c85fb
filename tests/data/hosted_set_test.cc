#include "data/hosted_set.h"

#include <algorithm>
#include <cstdlib>

#include "data/numpy_permutation.h"
#include "data/parquet.h"
#include "data/parquet_json.h"
#include "tests/data/pyarrow.h"

namespace lathe::data {
namespace {

using testing::take;

std::vector<int64_t> first(const std::vector<int64_t>& values, size_t n) { return {values.begin(), values.begin() + static_cast<std::ptrdiff_t>(n)}; }

// C-1.18
TEST(NumpyPermutation, IsNumPysOwn) {
  EXPECT_EQ(numpy_permutation(42, 10), (std::vector<int64_t>{5, 6, 0, 7, 3, 2, 4, 9, 1, 8}));
  EXPECT_EQ(first(numpy_permutation(42, 1319), 5), (std::vector<int64_t>{30, 754, 429, 1010, 1284}));
  EXPECT_EQ(first(numpy_permutation(42, 7473), 5), (std::vector<int64_t>{3082, 2184, 5897, 2437, 6330}));
  EXPECT_EQ(first(numpy_permutation(42, 460341), 5), (std::vector<int64_t>{21697, 61600, 155055, 325090, 320249}));
  EXPECT_EQ(numpy_permutation(42, 0).size(), 0u);
  EXPECT_EQ(numpy_permutation(42, 1), std::vector<int64_t>{0});
}

TEST(NumpyPermutation, EveryValueComesOnce) {
  std::vector<int64_t> all = numpy_permutation(7, 5000);
  EXPECT_NE(all, numpy_permutation(8, 5000));
  std::sort(all.begin(), all.end());
  for (int64_t i = 0; i < 5000; ++i) ASSERT_EQ(all[static_cast<size_t>(i)], i);
}

// C-1.17, C-1.18
TEST(HostedSet, RowsOfAllFilesComeInTheShuffledOrder) {
  const TemporaryFolder folder;
  std::string one, two;
  for (int i = 0; i < 6; ++i) one += "{\"n\": " + std::to_string(i) + "}\n";
  for (int i = 6; i < 10; ++i) two += "{\"n\": " + std::to_string(i) + "}\n";
  testing::check(write_file_atomic(folder.path() / "main/train-00001-of-00002.jsonl", two));
  testing::check(write_file_atomic(folder.path() / "main/train-00000-of-00002.jsonl", one));
  testing::check(write_file_atomic(folder.path() / "main/trainer.jsonl", "{\"n\": 99}\n"));
  const auto set = take(HostedSet::open(take(hosted_files(folder.path(), "main", "train"))));
  std::vector<int64_t> order;
  for (int64_t i = 0; i < set->size(); ++i) order.push_back(take(set->row(i)).at("n").as_int());
  EXPECT_EQ(order, (std::vector<int64_t>{5, 6, 0, 7, 3, 2, 4, 9, 1, 8}));
  EXPECT_THROW((void)set->row(10), std::invalid_argument);
}

TEST(HostedSet, WhatIsMissingNamesTheCommand) {
  const TemporaryFolder folder;
  const auto files = hosted_files(folder.path() / "gsm8k", "main", "test");
  ASSERT_FALSE(files.ok());
  EXPECT_NE(files.error().message.find("lathe download gsm8k"), std::string::npos) << files.error().message;
}

TEST(HostedSet, DamagedRowsNameTheirLine) {
  const TemporaryFolder folder;
  for (const char* bad : {"{\"n\": 1", "[1]", "nonsense"}) {
    testing::check(write_file_atomic(folder.path() / "test.jsonl", std::string("{\"n\": 0}\n") + bad + "\n"));
    const auto set = HostedSet::open({folder.path() / "test.jsonl"});
    ASSERT_FALSE(set.ok());
    EXPECT_NE(set.error().to_string().find("test.jsonl: line 2 "), std::string::npos) << set.error().to_string();
  }
}

TEST(HostedSet, TheRealSetsAreRead) {
  const fs::path root = testing::real_data("chat_eval");
  LATHE_NEEDS(root);
  const auto gsm8k = take(HostedSet::open({root / "gsm8k/test.jsonl"}));
  EXPECT_EQ(gsm8k->size(), 1319);
  EXPECT_EQ(gsm8k->source_row(0), 30);
  EXPECT_TRUE(take(gsm8k->row(0)).contains("question"));
  EXPECT_EQ(take(HostedSet::open({root / "gsm8k/train.jsonl.zst"}))->size(), 7473);
  EXPECT_EQ(take(HostedSet::open({root / "humaneval/HumanEval.jsonl"}))->size(), 164);
}

TEST(ParquetRows, NestedColumnsBecomeJson) {
  LATHE_NEEDS_PYARROW();
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "data/test-00000-of-00001.parquet";
  testing::check(make_folders(path.parent_path()));
  ASSERT_EQ(python(R"(
import sys, pyarrow as pa, pyarrow.parquet as pq
rows = [{"messages": [{"content": "hi", "role": "user"}, {"content": "\u00e9", "role": "assistant"}], "n": 7, "x": 0.5, "ok": True, "none": None, "choices": {"text": ["a", "b"], "label": ["A", "B"]}},
        {"messages": [], "n": None, "x": -1.0, "ok": False, "none": None, "choices": {"text": [], "label": None}}]
pq.write_table(pa.Table.from_pylist(rows * 3), sys.argv[1], row_group_size=2)
)", path.string()), 0);
  std::vector<std::string> rows;
  testing::check(read_parquet_rows(path, [&](const Json& row) {
    rows.push_back(row.dump());
    return Status();
  }));
  ASSERT_EQ(rows.size(), 6u);
  const std::string one = take(parse_json(R"({"messages": [{"content": "hi", "role": "user"}, {"content": "é", "role": "assistant"}], "n": 7, "x": 0.5, "ok": true, "none": null, "choices": {"text": ["a", "b"], "label": ["A", "B"]}})")).dump();
  EXPECT_EQ(rows[0], one);
  EXPECT_EQ(rows[4], one);
  EXPECT_EQ(rows[1], take(parse_json(R"({"messages": [], "n": null, "x": -1.0, "ok": false, "none": null, "choices": {"text": [], "label": null}})")).dump());
  const auto set = take(HostedSet::open(take(hosted_files(folder.path(), "", "test"))));
  EXPECT_EQ(set->size(), 6);

  // Cut or flipped files are errors, never a crash.
  const std::string bytes = take(read_file(path));
  for (size_t at = 0; at < bytes.size(); at += 97) {
    std::string bad = bytes;
    bad[at] = static_cast<char>(bad[at] ^ 0x55);
    testing::check(write_file_atomic(folder.path() / "bad.parquet", bad));
    (void)read_parquet_rows(folder.path() / "bad.parquet", [](const Json&) { return Status(); }).ok();
    testing::check(write_file_atomic(folder.path() / "bad.parquet", bytes.substr(0, at)));
    EXPECT_FALSE(read_parquet_rows(folder.path() / "bad.parquet", [](const Json&) { return Status(); }).ok());
  }
}

}  // namespace
}  // namespace lathe::data
