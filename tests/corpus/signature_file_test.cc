#include "corpus/signature_file.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "tests/ref/testing.h"

namespace lathe::corpus {
namespace {

using testing::check;
using testing::take;

const MinHasher& hasher() {
  static const MinHasher made;
  return made;
}

std::string text_of(int64_t document) {
  if (document % 11 == 3) return "short " + std::to_string(document);
  std::string text;
  for (int64_t i = 0; i < 20 + document % 7; ++i) text += "w" + std::to_string((document * 31 + i * 17) % 97) + " ";
  return text;
}

// Documents 0, 2, 4, ... in blocks of 5.
SignatureBlock block_of(int64_t number) {
  SignatureBlock block(hasher());
  for (int64_t i = number * 5; i < number * 5 + 5; ++i) block.add(static_cast<uint64_t>(2 * i), text_of(i));
  return block;
}

void write_all(const fs::path& path, int64_t blocks) {
  SignatureWriter writer = take(SignatureWriter::open(path, {}));
  for (int64_t i = 0; i < blocks; ++i) check(writer.write_block(i, block_of(i)));
  EXPECT_EQ(take(writer.commit()), 5 * blocks);
}

// L-2.20, L-2.24
TEST(SignatureFile, GivesBackWhatWasWritten) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "a.sig";
  write_all(path, 900);  // more than one buffer of the scan
  EXPECT_EQ(fs::file_size(path), 64u + 4500 * (32 + 512) + 64);
  const SignatureReader reader = take(SignatureReader::open(path, {}));
  ASSERT_EQ(reader.documents(), 4500);
  int64_t seen = 0;
  check(reader.scan([&](int64_t index, const SignatureView& view) -> Status {
    EXPECT_EQ(index, seen++);
    EXPECT_EQ(view.document, static_cast<uint64_t>(2 * index));
    EXPECT_EQ(view.exact, exact_hash(text_of(index)));
    std::vector<uint32_t> expected(128), buffer;
    EXPECT_EQ(view.shingles, hasher().sign(text_of(index), expected));
    EXPECT_TRUE(std::equal(expected.begin(), expected.end(), view.signature.begin(), view.signature.end()));
    if (index % 997 == 0) {
      const SignatureView same = take(reader.read(index, buffer));
      EXPECT_EQ(buffer, expected);
      EXPECT_EQ(same.document, view.document);
      EXPECT_EQ(take(reader.read_exact(index)), view.exact);
    }
    return {};
  }));
  EXPECT_EQ(seen, 4500);
}

// L-2.23, T6: threads and the order in which blocks arrive leave no trace in the file
TEST(SignatureFile, BytesDependOnTheDocumentsOnly) {
  const TemporaryFolder folder;
  write_all(folder.path() / "a", 40);
  const std::string expected = take(read_file(folder.path() / "a"));
  {
    SignatureWriter writer = take(SignatureWriter::open(folder.path() / "b", {}));
    for (int64_t i = 39; i >= 0; --i) check(writer.write_block(i, block_of(i)));
    take(writer.commit());
  }
  EXPECT_TRUE(take(read_file(folder.path() / "b")) == expected);
  for (const int threads : {2, 3}) {
    SignatureWriter writer = take(SignatureWriter::open(folder.path() / "c", {}));
    std::atomic<int64_t> next = 0;
    std::vector<std::thread> workers;
    for (int i = 0; i < threads; ++i)
      workers.emplace_back([&] {
        for (int64_t block = next++; block < 40; block = next++) check(writer.write_block(block, block_of(block)));
      });
    for (std::thread& worker : workers) worker.join();
    take(writer.commit());
    EXPECT_TRUE(take(read_file(folder.path() / "c")) == expected) << threads;
  }
}

// T6: signature file truncated
TEST(TrapT6, TruncatedSignatureFileIsRefused) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "a.sig", cut = folder.path() / "cut.sig";
  write_all(path, 4);
  const std::string whole = take(read_file(path));
  const size_t record = 32 + 512;
  for (const size_t left : {size_t{0}, size_t{63}, size_t{64}, size_t{128}, 64 + record, 128 + record,
                            whole.size() - 64, whole.size() - record, whole.size() - 1}) {
    check(write_file_atomic(cut, std::string_view(whole).substr(0, left)));
    const auto opened = SignatureReader::open(cut, {});
    ASSERT_FALSE(opened.ok()) << left;
    EXPECT_NE(opened.error().to_string().find("cut.sig"), std::string::npos);
  }
  // a record lost from the middle, its end in place
  check(write_file_atomic(cut, whole.substr(0, 64 + record) + whole.substr(64 + 2 * record)));
  EXPECT_FALSE(SignatureReader::open(cut, {}).ok());
}

// T6, L-2.25
TEST(SignatureFile, ChangedBytesAreNoticed) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "a.sig", changed = folder.path() / "changed.sig";
  write_all(path, 2);
  const std::string whole = take(read_file(path));
  const size_t trailer = whole.size() - 64;
  for (const size_t at : {size_t{0}, size_t{8}, size_t{12}, size_t{16}, size_t{20}, size_t{24}, size_t{40}, size_t{63},
                          trailer, trailer + 8, trailer + 16, trailer + 31, trailer + 63}) {
    std::string bytes = whole;
    bytes[at] = static_cast<char>(bytes[at] ^ 1);
    check(write_file_atomic(changed, bytes));
    EXPECT_FALSE(SignatureReader::open(changed, {}).ok()) << at;
  }
  for (const size_t at : {size_t{64}, size_t{100}, trailer - 1}) {
    std::string bytes = whole;
    bytes[at] = static_cast<char>(bytes[at] ^ 0x80);
    check(write_file_atomic(changed, bytes));
    const SignatureReader reader = take(SignatureReader::open(changed, {}));
    EXPECT_FALSE(reader.scan([](int64_t, const SignatureView&) { return Status(); }).ok()) << at;
  }
}

// L-2.25
TEST(SignatureFile, OtherSettingsAreRefused) {
  const TemporaryFolder folder;
  write_all(folder.path() / "a.sig", 1);
  const auto opened = SignatureReader::open(folder.path() / "a.sig", {4, 128});
  ASSERT_FALSE(opened.ok());
  EXPECT_NE(opened.error().message.find("3 words"), std::string::npos) << opened.error().message;
  EXPECT_FALSE(SignatureReader::open(folder.path() / "a.sig", {3, 64}).ok());
}

// T6: nothing stands under the final name until all is there
TEST(SignatureFile, WithoutCommitNothingIsLeft) {
  const TemporaryFolder folder;
  {
    SignatureWriter writer = take(SignatureWriter::open(folder.path() / "a.sig", {}));
    check(writer.write_block(0, block_of(0)));
    check(writer.write_block(2, block_of(2)));
    const auto committed = writer.commit();
    ASSERT_FALSE(committed.ok());
    EXPECT_NE(committed.error().message.find("block 1"), std::string::npos);
    EXPECT_FALSE(fs::exists(folder.path() / "a.sig"));
  }
  EXPECT_TRUE(fs::is_empty(folder.path()));
}

TEST(SignatureFile, DocumentsMustRiseAndBlocksComeOnce) {
  const TemporaryFolder folder;
  SignatureWriter writer = take(SignatureWriter::open(folder.path() / "a.sig", {}));
  check(writer.write_block(0, block_of(1)));
  EXPECT_THROW((void)writer.write_block(0, block_of(2)), std::invalid_argument);
  EXPECT_THROW((void)writer.write_block(1, block_of(1)), std::invalid_argument);
}

}  // namespace
}  // namespace lathe::corpus
