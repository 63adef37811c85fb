#include "data/corpus.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/data/files.h"

namespace lathe::data {
namespace {

using namespace lathe::data::testing;

class CorpusTest : public ::testing::Test {
 protected:
  void write(const std::string& name, std::string_view bytes) {
    check(write_file_atomic(folder_.path() / name, bytes));
  }
  std::string open_error(SplitRule rule = SplitRule::kAuto) { return message(Corpus::open(folder_.path(), rule)); }
  static std::vector<std::string> read(const std::shared_ptr<const Corpus>& corpus, Split split, int64_t start = 0,
                                       int64_t step = 1) {
    GroupReader reader(corpus, split, start, step);
    std::vector<std::string> all, group;
    while (take(reader.next_group(group))) all.insert(all.end(), group.begin(), group.end());
    return all;
  }
  std::vector<std::string> names(const Corpus& corpus) {
    std::vector<std::string> names;
    for (const fs::path& file : corpus.files()) names.push_back(fs::relative(file, folder_.path()).string());
    return names;
  }
  TemporaryFolder folder_;
};

// C-1.9, C-1.10
TEST_F(CorpusTest, LastShardInSortedOrderValidates) {
  for (const char* name : {"shard_00002.parquet", "shard_00000.parquet", "shard_00001.parquet"})
    write_parquet(folder_.path() / name, documents(std::string(1, name[10]), 30), 10);
  write("shard_00003.parquet.tmp", "half");
  write("readme.txt", "not a shard");
  const auto corpus = take(Corpus::open(folder_.path()));
  EXPECT_EQ(names(*corpus),
            (std::vector<std::string>{"shard_00000.parquet", "shard_00001.parquet", "shard_00002.parquet"}));
  auto expected = documents("0", 30);
  for (const auto& text : documents("1", 30)) expected.push_back(text);
  EXPECT_EQ(read(corpus, Split::kTrain), expected);
  EXPECT_EQ(read(corpus, Split::kValidation), documents("2", 30));
}

// C-1.10
TEST_F(CorpusTest, OneFileIsRefusedWhenTheLastFileValidates) {
  write_parquet(folder_.path() / "a.parquet", documents("a", 30), 10);
  const std::string error = open_error(SplitRule::kLastFile);
  EXPECT_NE(error.find("a.parquet"), std::string::npos) << error;
  EXPECT_NE(error.find("add a file"), std::string::npos) << error;
}

// C-1.12
TEST_F(CorpusTest, PlainReaderTakesEveryStepthGroupOfEachFile) {
  const auto a = documents("a", 50), b = documents("b", 30);
  write_parquet(folder_.path() / "a.parquet", a, 10);
  write_parquet(folder_.path() / "b.parquet", b, 10);
  write_parquet(folder_.path() / "c.parquet", documents("c", 1), 10);
  const auto corpus = take(Corpus::open(folder_.path()));
  std::vector<std::string> expected;
  const auto append = [&](const std::vector<std::string>& texts, int64_t group) {
    expected.insert(expected.end(), texts.begin() + group * 10, texts.begin() + group * 10 + 10);
  };
  append(a, 1), append(a, 3), append(b, 1);
  EXPECT_EQ(read(corpus, Split::kTrain, 1, 2), expected);
}

// C-1.33
TEST_F(CorpusTest, UnknownSplitIsAnError) {
  EXPECT_EQ(take(parse_split("train")), Split::kTrain);
  EXPECT_EQ(take(parse_split("val")), Split::kValidation);
  EXPECT_NE(message(parse_split("test")).find("train or val"), std::string::npos);
}

// C-1.33
TEST_F(CorpusTest, EmptyFolderAndMissingColumnAreErrors) {
  EXPECT_NE(open_error().find("lathe data download"), std::string::npos) << open_error();
  EXPECT_NE(message(Corpus::open(folder_.path() / "absent")).find("no such file"), std::string::npos);
  // The same bytes with the column renamed: the name stands in the footer only.
  write_parquet(folder_.path() / "a.parquet", {"x"}, 10);
  std::string bytes = take(read_file(folder_.path() / "a.parquet"));
  for (size_t at = bytes.find("text"); at != std::string::npos; at = bytes.find("text", at))
    bytes.replace(at, 4, "body");
  write("a.parquet", bytes);
  const std::string error = reading_error(folder_.path() / "a.parquet");
  EXPECT_NE(error.find("no column \"text\"; its columns are: body"), std::string::npos) << error;
}

TEST_F(CorpusTest, TailOfOneFileValidates) {
  const auto texts = documents("x", 1000);
  write("a.jsonl", jsonl(texts));
  const auto corpus = take(Corpus::open(folder_.path() / "a.jsonl"));
  const auto train = read(corpus, Split::kTrain), validation = read(corpus, Split::kValidation);
  EXPECT_EQ(validation, std::vector<std::string>(texts.end() - std::ssize(validation), texts.end()));
  EXPECT_EQ(train, std::vector<std::string>(texts.begin(), texts.end() - std::ssize(validation)));
  EXPECT_GE(validation.size(), 25u);
  EXPECT_LE(validation.size(), 75u);
}

TEST_F(CorpusTest, TailOfAFolderOfTextsValidatesAcrossFiles) {
  fs::create_directories(folder_.path() / "sub");
  write("b.txt", "beta");
  write("a.txt.zst", zstd("alpha"));
  write("sub/c.txt", "gamma");
  write("ignored.csv", "x");
  const auto corpus = take(Corpus::open(folder_.path()));
  EXPECT_EQ(names(*corpus), (std::vector<std::string>{"a.txt.zst", "b.txt", "sub/c.txt"}));
  EXPECT_EQ(read(corpus, Split::kTrain), (std::vector<std::string>{"alpha", "beta"}));
  EXPECT_EQ(read(corpus, Split::kValidation), std::vector<std::string>{"gamma"});
}

TEST_F(CorpusTest, TwoDocumentsAreEnoughOneIsNot) {
  write("a.jsonl", jsonl({"one", "two"}));
  const auto corpus = take(Corpus::open(folder_.path()));
  EXPECT_EQ(read(corpus, Split::kTrain), std::vector<std::string>{"one"});
  EXPECT_EQ(read(corpus, Split::kValidation), std::vector<std::string>{"two"});
  write("a.jsonl", jsonl({"one"}));
  EXPECT_NE(open_error().find("1 document(s)"), std::string::npos) << open_error();
  write("a.jsonl", "");
  EXPECT_NE(open_error().find("the corpus is empty"), std::string::npos) << open_error();
}

// Trap L5: no document both trains and validates.
TEST_F(CorpusTest, TrapL5NoTrainingDocumentValidates) {
  for (const SplitRule rule : {SplitRule::kLastFile, SplitRule::kTail}) {
    for (const char* name : {"a", "b", "c"})
      write_parquet(folder_.path() / (std::string(name) + ".parquet"), documents(name, 77), 8);
    const auto corpus = take(Corpus::open(folder_.path(), rule));
    const auto train = read(corpus, Split::kTrain), validation = read(corpus, Split::kValidation);
    const std::set<std::string> trained(train.begin(), train.end());
    for (const std::string& text : validation) EXPECT_FALSE(trained.contains(text)) << text;
    EXPECT_EQ(train.size() + validation.size(), 3 * 77u);
    EXPECT_FALSE(validation.empty());
  }
}

TEST_F(CorpusTest, TrainOnlyHasNoValidation) {
  write("a.jsonl", jsonl({"one"}));
  const auto corpus = take(Corpus::open(folder_.path(), SplitRule::kTrainOnly));
  EXPECT_EQ(read(corpus, Split::kTrain), std::vector<std::string>{"one"});
  EXPECT_TRUE(read(corpus, Split::kValidation).empty());
}

TEST_F(CorpusTest, FingerprintTellsChangedFilesNotMovedFolders) {
  write("a/x.jsonl", jsonl(documents("x", 10)));
  write("b/x.jsonl", jsonl(documents("x", 10)));
  write("c/x.jsonl", jsonl(documents("x", 11)));
  write("d/y.jsonl", jsonl(documents("x", 10)));
  const auto sign = [&](const char* name) { return take(Corpus::open(folder_.path() / name))->fingerprint(); };
  EXPECT_EQ(sign("a"), sign("b"));
  EXPECT_NE(sign("a"), sign("c"));
  EXPECT_NE(sign("a"), sign("d"));
  EXPECT_NE(sign("a"), take(Corpus::open(folder_.path() / "a", SplitRule::kTrainOnly))->fingerprint());
  EXPECT_EQ(sign("a").size(), 16u);
}

}  // namespace
}  // namespace lathe::data
