#include "data/shard_writer.h"

#include "data/document_shuffle.h"
#include "data/numpy_permutation.h"
#include "tests/data/pyarrow.h"

namespace lathe::data {
namespace {

using testing::take;

std::vector<std::string> texts_of(const fs::path& path) {
  const auto file = take(open_document_file(path));
  std::vector<std::string> all, group;
  for (int64_t i = 0; take(file->read_group(i, group)); ++i) all.insert(all.end(), group.begin(), group.end());
  return all;
}

// C-1.11, C-17.15
TEST(ShardWriter, AShardEndsAtAFullRowGroupWithEnoughCharactersAndTheLastIsFlushed) {
  if (!parquet_available()) GTEST_SKIP() << "this build has no Parquet";
  const TemporaryFolder folder;
  std::vector<ShardFacts> shards;
  ShardWriter writer(folder.path(), 5'000, [&](const ShardFacts& shard) { shards.push_back(shard); });
  for (int i = 0; i < 5000; ++i) testing::check(writer.add("\u00e4\u00e4\u00e4"));  // 3 characters, 6 bytes
  testing::check(writer.finish());
  testing::check(writer.finish());
  ASSERT_EQ(shards.size(), 3u);  // 5000 characters are reached at 1667 documents: two row groups
  EXPECT_EQ(shards[0].documents, 2048);
  EXPECT_EQ(shards[1].characters, 3 * 2048);
  EXPECT_EQ(shards[2].documents, 5000 - 4096);
  EXPECT_EQ(shards[2].name, "shard_00002.parquet");
  const ParquetShape shape = take(parquet_shape(folder.path() / "shard_00001.parquet"));
  EXPECT_EQ(shape.group_documents, (std::vector<int64_t>{1024, 1024}));
  EXPECT_EQ(shape.columns, std::vector<std::string>{"text"});
  EXPECT_EQ(shape.compression, "zstd");
  EXPECT_FALSE(shape.dictionary);
  EXPECT_FALSE(shape.statistics);
  EXPECT_EQ(texts_of(folder.path() / "shard_00002.parquet").size(), 904u);
}

// C-1.11
TEST(ShardWriter, PyarrowReadsItAndWouldWriteTheSame) {
  LATHE_NEEDS_PYARROW();
  const TemporaryFolder folder;
  ShardWriter writer(folder.path(), 1'000'000'000, {});
  for (int i = 0; i < 3000; ++i) testing::check(writer.add("document " + std::to_string(i) + std::string(static_cast<size_t>(i % 300), static_cast<char>('a' + i % 26))));
  testing::check(writer.finish());
  EXPECT_EQ(python(R"(
import sys, pyarrow as pa, pyarrow.parquet as pq
ours = pq.ParquetFile(sys.argv[1] + "/shard_00000.parquet")
texts = ours.read().column("text").to_pylist()
assert texts == ["document %d" % i + chr(97 + i % 26) * (i % 300) for i in range(3000)]
pq.write_table(pa.table({"text": pa.array(texts, pa.string())}), sys.argv[1] + "/theirs.parquet", row_group_size=1024,
               compression="zstd", compression_level=3, use_dictionary=False, write_statistics=False)
theirs = pq.ParquetFile(sys.argv[1] + "/theirs.parquet")
assert [ours.metadata.row_group(i).num_rows for i in range(ours.num_row_groups)] == [1024, 1024, 952]
for i in range(3):
    a, b = ours.metadata.row_group(i).column(0), theirs.metadata.row_group(i).column(0)
    assert a.compression == "ZSTD" and a.statistics is None and not a.has_dictionary_page, a
    assert abs(a.total_compressed_size - b.total_compressed_size) <= 16, (a.total_compressed_size, b.total_compressed_size)
    assert a.physical_type == "BYTE_ARRAY"
)", folder.path().string()), 0);
}

// C-17.15
TEST(DocumentShuffle, TheOrderIsNumPysWhateverTheMemory) {
  const TemporaryFolder folder;
  std::string one, two;
  for (int i = 0; i < 700; ++i) one += "{\"text\": \"" + std::to_string(i) + "\"}\n";
  for (int i = 700; i < 1319; ++i) two += "{\"text\": \"" + std::to_string(i) + "\"}\n";
  testing::check(write_file_atomic(folder.path() / "a.jsonl", one));
  testing::check(write_file_atomic(folder.path() / "b.jsonl", two));
  const std::vector<int64_t> order = numpy_permutation(42, 1319);
  for (const int64_t memory : {int64_t{500}, int64_t{4000}, int64_t{1} << 30}) {
    testing::check(make_folders(folder.path() / "spill"));
    DocumentShuffle shuffle{{folder.path() / "a.jsonl", folder.path() / "b.jsonl"}, 42, true, memory, folder.path() / "spill"};
    const int64_t n = take(count_documents(shuffle.files));
    ASSERT_EQ(n, 1319);
    std::vector<int64_t> got;
    testing::check(shuffle_documents(shuffle, n, {}, [&](std::string_view text) {
      got.push_back(std::stoll(std::string(text)));
      return Status();
    }));
    EXPECT_EQ(got, order) << memory;
    EXPECT_TRUE(fs::is_empty(folder.path() / "spill"));
    EXPECT_FALSE(shuffle_documents(shuffle, n - 1, {}, [](std::string_view) { return Status(); }).ok());
    EXPECT_FALSE(shuffle_documents(shuffle, n + 1, {}, [](std::string_view) { return Status(); }).ok());
    const Status full = shuffle_documents(shuffle, n, {}, [](std::string_view) { return Status(error("disk full")); });
    EXPECT_EQ(full.error().message, "disk full");
    EXPECT_TRUE(fs::is_empty(folder.path() / "spill"));
  }
}

}  // namespace
}  // namespace lathe::data
