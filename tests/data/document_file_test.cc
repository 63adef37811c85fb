#include "data/document_file.h"

#include <gtest/gtest.h>

#include "data/line_reader.h"
#include "tests/data/files.h"

namespace lathe::data {
namespace {

using namespace lathe::data::testing;

using Texts = std::vector<std::string>;

class DocumentFileTest : public ::testing::Test {
 protected:
  fs::path write(const std::string& name, std::string_view bytes) {
    const fs::path path = folder_.path() / name;
    check(write_file_atomic(path, bytes));
    return path;
  }
  TemporaryFolder folder_;
};

bool contains(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

TEST_F(DocumentFileTest, LinesLoseTheirEndsAndTheByteOrderMark) {
  auto lines = take(LineReader::open(write("a.txt", "\xEF\xBB\xBFone\r\n\ntwo\rx\nlast")));
  Texts seen;
  std::string_view line;
  while (take(lines->next(line))) seen.emplace_back(line);
  EXPECT_EQ(seen, (Texts{"one", "", "two\rx", "last"}));
  EXPECT_EQ(lines->line_number(), 4);
}

TEST_F(DocumentFileTest, LinesCrossEveryBufferBorder) {
  std::string bytes;
  for (int i = 0; i < 2000; ++i) bytes += std::string(static_cast<size_t>(i * 7 % 900), 'x') + std::to_string(i) + "\n";
  for (const auto& [name, packed] :
       {std::pair{"a.txt", bytes}, {"a.txt.gz", gzip(bytes)}, {"a.txt.zst", zstd(bytes)}}) {
    auto lines = take(LineReader::open(write(name, packed)));
    std::string again;
    std::string_view line;
    while (take(lines->next(line))) again.append(line) += '\n';
    EXPECT_EQ(again, bytes) << name;
  }
}

TEST_F(DocumentFileTest, JsonlGivesTextElseContent) {
  const fs::path path = write("a.jsonl",
                              "{\"text\": \"one\"}\n\n{\"content\": \"two\", \"id\": 7}\n   \n"
                              "{\"content\": \"no\", \"text\": \"caf\\u00e9\"}\r\n{\"text\": \"\"}");
  EXPECT_EQ(all_documents(path), (Texts{"one", "two", "caf\xC3\xA9", ""}));
}

TEST_F(DocumentFileTest, CompressedFilesOfSeveralPartsGiveTheSameDocuments) {
  const Texts texts = documents("x", 300);
  const std::string head = jsonl(Texts(texts.begin(), texts.begin() + 100));
  const std::string tail = jsonl(Texts(texts.begin() + 100, texts.end()));
  EXPECT_EQ(all_documents(write("plain.jsonl", head + tail)), texts);
  EXPECT_EQ(all_documents(write("a.jsonl.gz", gzip(head) + gzip("") + gzip(tail))), texts);
  EXPECT_EQ(all_documents(write("a.jsonl.zst", zstd(head) + zstd("") + zstd(tail))), texts);
}

// C-1.12: the address (group) means the same whether groups are read in order, with gaps or backwards.
TEST_F(DocumentFileTest, GroupsAreAddressable) {
  const Texts texts = documents("x", 25);
  write_parquet(folder_.path() / "a.parquet", texts, 10);
  write("a.jsonl", jsonl(texts));
  for (const char* name : {"a.parquet", "a.jsonl"}) {
    auto file = take(open_document_file(folder_.path() / name, 10));
    Texts group;
    for (const int64_t i : {2, 0, 1, 2, 2, 0}) {
      ASSERT_TRUE(take(file->read_group(i, group)));
      EXPECT_EQ(group, Texts(texts.begin() + i * 10, texts.begin() + std::min<int64_t>(25, i * 10 + 10))) << name << i;
    }
    EXPECT_FALSE(take(file->read_group(3, group)));
    EXPECT_FALSE(take(file->read_group(1000, group)));
    ASSERT_TRUE(take(file->read_group(0, group))) << "after the end";
    const DocumentFileSize size = take(file->measure());
    EXPECT_EQ(size.documents, 25);
    EXPECT_EQ(size.groups, 3);
  }
}

TEST_F(DocumentFileTest, TxtIsSplitAtEndOfTextLines) {
  const fs::path path = write(
      "a.txt", "one\n\nstill one\n<|endoftext|>\n\n two \r\n<|endoftext|>\n<|endoftext|>\nnot <|endoftext|> here");
  EXPECT_EQ(all_documents(path), (Texts{"one\n\nstill one", "two", "not <|endoftext|> here"}));
}

TEST_F(DocumentFileTest, TxtParagraphsAreGathered) {
  std::string bytes;
  for (int i = 0; i < 50; ++i)
    bytes += "paragraph " + std::to_string(i) + std::string(990, 'x') + "\nsecond line\n\n\n";
  const Texts texts = all_documents(write("a.txt", bytes));
  ASSERT_EQ(texts.size(), 13u);  // four paragraphs of about 1010 bytes reach 4000
  for (size_t i = 0; i + 1 < texts.size(); ++i) {
    EXPECT_TRUE(texts[i].starts_with("paragraph " + std::to_string(4 * i)));
    EXPECT_TRUE(texts[i].ends_with("second line"));
    EXPECT_GE(texts[i].size(), 4000u);
    EXPECT_LT(texts[i].size(), 5200u);
  }
}

TEST_F(DocumentFileTest, FiftyMegabyteLineIsCutBetweenCharacters) {
  std::string bytes;
  bytes.reserve(50 << 20);
  while (bytes.size() < (50u << 20))
    bytes +=
        "\xE2\x82\xAC"
        "ab";
  size_t total = 0;
  for (const std::string& text : all_documents(write("a.txt", bytes))) {
    total += text.size();
    ASSERT_LE(text.size(), 16000u);
    ASSERT_GE(first_invalid_utf8(text), -1);
    ASSERT_EQ(first_invalid_utf8(text), -1);
    ASSERT_EQ(text.find("\xEF\xBF\xBD"), std::string::npos) << "a character was cut";
  }
  EXPECT_EQ(total, bytes.size());
  EXPECT_EQ(all_documents(write("b.jsonl", jsonl({bytes}))), (Texts{bytes}));
}

TEST_F(DocumentFileTest, LongParagraphOfManyLinesIsCutAtALineEnd) {
  std::string bytes;
  for (int i = 0; i < 5000; ++i) bytes += "line number " + std::to_string(i) + "\n";
  std::string joined;
  for (const std::string& text : all_documents(write("a.txt", bytes))) {
    EXPECT_LE(text.size(), 16000u);
    joined += text + "\n";
  }
  EXPECT_EQ(joined, bytes);
}

TEST_F(DocumentFileTest, InvalidUtf8OfTxtIsRepaired) {
  EXPECT_EQ(all_documents(write("a.txt", "caf\xE9 au lait\xC3\n\n\xFF")),
            (Texts{"caf\xEF\xBF\xBD au lait\xEF\xBF\xBD\n\n\xEF\xBF\xBD"}));
}

TEST_F(DocumentFileTest, BadJsonlNamesFileAndLine) {
  const struct {
    const char *line, *part;
  } cases[] = {{"{\"text\": \"a\"", "not valid JSON"},
               {"{\"text\": \"caf\xE9\"}", "invalid UTF-8 at byte 13"},
               {"[1, 2]", "expected an object"},
               {"{\"body\": \"a\", \"id\": 3}", "its fields are: body, id"},
               {"{\"text\": 5}", "must be text"}};
  for (const auto& [line, part] : cases) {
    const std::string error = reading_error(write("bad.jsonl", std::string("{\"text\": \"fine\"}\n\n") + line + "\n"));
    EXPECT_TRUE(contains(error, "bad.jsonl") && contains(error, "line 3") && contains(error, part)) << error;
  }
}

TEST_F(DocumentFileTest, TruncatedCompressedFilesNameTheOffset) {
  std::string noise;
  uint32_t x = 1;
  for (int i = 0; i < 200000; ++i) noise += static_cast<char>('!' + (x = x * 1664525 + 1013904223) % 90);
  const std::string whole = jsonl({"a"}) + jsonl({noise});
  for (const auto& [name, packed] : {std::pair{"a.jsonl.gz", gzip(whole)}, {"a.jsonl.zst", zstd(whole)}}) {
    for (const size_t keep : {packed.size() / 2, packed.size() - 1, size_t{3}}) {
      const std::string error = reading_error(write(name, packed.substr(0, keep)));
      EXPECT_TRUE(contains(error, name) && contains(error, "cut short") && contains(error, std::to_string(keep)))
          << error;
    }
    std::string damaged = packed;
    for (size_t i = 20; i < 60; ++i) damaged[i] = static_cast<char>(~damaged[i]);
    EXPECT_TRUE(contains(reading_error(write(name, damaged)), name));
    EXPECT_TRUE(contains(reading_error(write(name, "not compressed at all")), "byte"));
    EXPECT_EQ(reading_error(write(name, packed)), "");
  }
}

TEST_F(DocumentFileTest, WrongFilesAreNamed) {
  EXPECT_TRUE(contains(reading_error(write("a.txt", "\xFF\xFEh\0i\0")), "UTF-16"));
  EXPECT_TRUE(contains(reading_error(write("a.csv", "x")), "unknown ending"));
  EXPECT_TRUE(contains(reading_error(folder_.path() / "absent.txt"), "absent.txt"));
  EXPECT_TRUE(contains(reading_error(folder_.path() / "absent.parquet"), "absent.parquet"));
  fs::create_directory(folder_.path() / "folder.jsonl");
  EXPECT_TRUE(contains(reading_error(folder_.path() / "folder.jsonl"), "is a folder"));
}

TEST_F(DocumentFileTest, EmptyFilesHoldNoDocument) {
  EXPECT_EQ(all_documents(write("a.txt", "")), Texts{});
  EXPECT_EQ(all_documents(write("b.txt", "\n \n\t\n")), Texts{});
  EXPECT_EQ(all_documents(write("c.txt", "<|endoftext|>\n\n<|endoftext|>\n")), Texts{});
  EXPECT_EQ(all_documents(write("d.jsonl", "\n\n")), Texts{});
  EXPECT_EQ(all_documents(write("e.jsonl.gz", gzip(""))), Texts{});
  write_parquet(folder_.path() / "f.parquet", {}, 10);
  EXPECT_EQ(all_documents(folder_.path() / "f.parquet"), Texts{});
}

}  // namespace
}  // namespace lathe::data
