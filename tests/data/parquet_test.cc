#include "data/parquet.h"

#include <gtest/gtest.h>

#include "tests/data/files.h"

namespace lathe::data {
namespace {

using namespace lathe::data::testing;

class Parquet : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!parquet_available()) GTEST_SKIP() << "built without Parquet";
  }
  TemporaryFolder folder_;
  fs::path path_ = folder_.path() / "a.parquet";
};

// C-1.11
TEST_F(Parquet, WriterKeepsTheOriginsShape) {
  const auto texts = documents("x", 2500);
  write_parquet(path_, texts, kGroupDocuments);
  const ParquetShape shape = take(parquet_shape(path_));
  EXPECT_EQ(shape.group_documents, (std::vector<int64_t>{1024, 1024, 452}));
  EXPECT_EQ(shape.columns, std::vector<std::string>{"text"});
  EXPECT_EQ(shape.compression, "zstd");
  EXPECT_FALSE(shape.dictionary);
  EXPECT_FALSE(shape.statistics);
  EXPECT_EQ(all_documents(path_), texts);
}

TEST_F(Parquet, KeepsOddTexts) {
  const std::vector<std::string> texts = {"", std::string("nul\0byte", 8), "\xF0\x9F\x98\x80",
                                          std::string(3 << 20, 'x'), "\n"};
  write_parquet(path_, texts, 2);
  EXPECT_EQ(all_documents(path_), texts);
}

TEST_F(Parquet, UnclosedWriterLeavesNothing) {
  {
    auto writer = take(ParquetWriter::create(path_));
    for (int i = 0; i < 3000; ++i) check(writer->add("text"));
  }
  EXPECT_TRUE(fs::is_empty(folder_.path()));
}

TEST_F(Parquet, InvalidUtf8IsRepairedOnReading) {
  write_parquet(path_, {"caf\xE9", "fine"}, 10);
  EXPECT_EQ(all_documents(path_), (std::vector<std::string>{"caf\xEF\xBF\xBD", "fine"}));
}

TEST_F(Parquet, DamagedFilesAreErrorsWithARemedy) {
  write_parquet(path_, documents("x", 5000), kGroupDocuments);
  const std::string whole = take(read_file(path_));
  for (const size_t keep : {size_t{0}, size_t{3}, whole.size() / 2, whole.size() - 1}) {
    check(write_file_atomic(path_, whole.substr(0, keep)));
    const std::string error = reading_error(path_);
    EXPECT_NE(error.find("a.parquet"), std::string::npos) << error;
    EXPECT_NE(error.find(std::to_string(keep) + " bytes"), std::string::npos) << error;
    EXPECT_NE(error.find("get it again"), std::string::npos) << error;
  }
  std::string damaged = whole;  // inside the first row group's page
  for (size_t i = 200; i < 400; ++i) damaged[i] = static_cast<char>(~damaged[i]);
  check(write_file_atomic(path_, damaged));
  EXPECT_NE(reading_error(path_).find("a.parquet"), std::string::npos);
}

TEST_F(Parquet, NoPermissionOrFolderIsAnError) {
  check(write_file_atomic(folder_.path() / "file", "x"));
  EXPECT_NE(message(ParquetWriter::create(folder_.path() / "file" / "a.parquet")), "");
}

}  // namespace
}  // namespace lathe::data
