#include "data/parquet_rows.h"

#include <gtest/gtest.h>

#include "data/parquet.h"
#include "tests/ref/testing.h"

namespace lathe::data {
namespace {

using testing::check;
using testing::take;

std::vector<std::string> read_all(const fs::path& path, const std::vector<std::string>& columns) {
  auto file = take(ParquetTexts::open(path, columns));
  std::vector<std::string> all, some;
  do {
    check(file->next(7, some));
    EXPECT_LE(some.size(), 7u);
    all.insert(all.end(), some.begin(), some.end());
  } while (!some.empty());
  return all;
}

// L-2.2, L-2.31
TEST(ParquetRows, ColumnsComeBackByName) {
  if (!parquet_available()) GTEST_SKIP() << "no Parquet in this build";
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "a.parquet";
  std::vector<std::string> ids, texts;
  auto file = take(ParquetStrings::create(path, {"id", "text"}));
  for (int i = 0; i < 3000; ++i) {
    ids.push_back(std::to_string(i)), texts.push_back(std::string(static_cast<size_t>(i % 300), 'x') + ids.back());
    check(file->add({ids.back(), texts.back()}));
  }
  EXPECT_FALSE(fs::exists(path));
  check(file->close());
  EXPECT_EQ(read_all(path, {"text"}), texts);
  EXPECT_EQ(read_all(path, {"nowhere", "id"}), ids);
  EXPECT_EQ(take(parquet_shape(path)).group_documents, (std::vector<int64_t>{1024, 1024, 952}));
  const auto missing = ParquetTexts::open(path, {"TEXT"});
  ASSERT_FALSE(missing.ok());
  EXPECT_NE(missing.error().to_string().find("its columns are: id, text"), std::string::npos) << missing.error().to_string();
}

// L-1.25
TEST(ParquetRows, DamagedFilesAreErrors) {
  if (!parquet_available()) GTEST_SKIP() << "no Parquet in this build";
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "a.parquet";
  auto file = take(ParquetStrings::create(path, {"text"}));
  for (int i = 0; i < 3000; ++i) check(file->add({std::string(200, static_cast<char>('a' + i % 26))}));
  check(file->close());
  const std::string bytes = take(read_file(path));
  for (const size_t size : {size_t{0}, size_t{3}, bytes.size() / 2, bytes.size() - 1}) {
    check(write_file_atomic(path, std::string_view(bytes).substr(0, size)));
    const auto cut = ParquetTexts::open(path, {"text"});
    ASSERT_FALSE(cut.ok()) << size;
    EXPECT_NE(cut.error().to_string().find("a.parquet"), std::string::npos);
  }
  std::string changed = bytes;
  for (size_t i = 40; i < 400; ++i) changed[i] = static_cast<char>(changed[i] ^ 0x55);
  check(write_file_atomic(path, changed));
  const auto opened = ParquetTexts::open(path, {"text"});
  if (!opened.ok()) return;
  std::vector<std::string> texts;
  Status status;
  do status = opened.value()->next(64, texts);
  while (status.ok() && !texts.empty());
  EXPECT_FALSE(status.ok());
}

}  // namespace
}  // namespace lathe::data
