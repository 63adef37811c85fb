#include "data/record_set.h"

#include "tests/ref/testing.h"

namespace lathe::data {
namespace {

using testing::check;
using testing::take;

TEST(RecordSet, FilesOfAllTextFormsFollowEachOther) {
  const TemporaryFolder folder;
  const fs::path lines = folder.path() / "a.jsonl", array = folder.path() / "b.json", empty = folder.path() / "c.jsonl";
  check(write_file_atomic(lines, "\n{\"n\": 0}\r\n\n{\"n\": 1}"));
  check(write_file_atomic(array, "[{\"n\": 2},\n {\"n\": 3}]"));
  check(write_file_atomic(empty, ""));
  const auto set = take(RecordSet::open({lines, empty, array}));
  ASSERT_EQ(set->size(), 4);
  for (int64_t i = 0; i < 4; ++i) EXPECT_EQ(take(set->record(i)).at("n").as_int(), i);
  EXPECT_EQ(set->error_in(1, "bad").to_string(), lines.string() + ": line 4: bad");
  EXPECT_EQ(set->error_in(3, "bad").to_string(), array.string() + ": item 2: bad");
  EXPECT_THROW((void)set->record(4), std::invalid_argument);
  EXPECT_THROW((void)set->record(-1), std::invalid_argument);
}

TEST(RecordSet, ListsAreRecordsOnlyWhereTheyAreWanted) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "a.jsonl";
  check(write_file_atomic(path, "[1]\n[2]\n"));
  EXPECT_EQ(take(RecordSet::open({path}, true))->size(), 2);
  const auto refused = RecordSet::open({path});
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error().message.find("line 1 "), std::string::npos);
  check(write_file_atomic(path, "[1]\n\n7\n"));
  const auto number = RecordSet::open({path}, true);
  ASSERT_FALSE(number.ok());
  EXPECT_NE(number.error().message.find("line 3 "), std::string::npos) << number.error().message;
}

TEST(RecordSet, TheFirstOfManyDamagedLinesIsNamed) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "a.jsonl";
  std::string text;
  for (int i = 1; i <= 1000; ++i) text += i % 400 == 0 ? "{\"n\":\n" : "{}\n";
  check(write_file_atomic(path, text));
  const auto set = RecordSet::open({path});
  ASSERT_FALSE(set.ok());
  EXPECT_NE(set.error().message.find("line 400 "), std::string::npos) << set.error().message;
}

TEST(RecordSet, WhatIsNoSuchFileIsAnError) {
  const TemporaryFolder folder;
  EXPECT_FALSE(RecordSet::open({folder.path() / "none.jsonl"}).ok());
  for (const char* text : {"{\"n\": 1}", "[{}, 3]", "[{}", ""}) {
    check(write_file_atomic(folder.path() / "b.json", text));
    EXPECT_FALSE(RecordSet::open({folder.path() / "b.json"}).ok()) << text;
  }
  check(write_file_atomic(folder.path() / "c.jsonl.zst", "no zstd"));
  EXPECT_FALSE(RecordSet::open({folder.path() / "c.jsonl.zst"}).ok());
}

}  // namespace
}  // namespace lathe::data
