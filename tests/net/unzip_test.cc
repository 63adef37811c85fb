#include "net/unzip.h"

#include <zlib.h>

#include "tests/ref/testing.h"

namespace lathe::net {
namespace {

using testing::take;

void append(std::string& out, uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i));
}

std::string deflated(const std::string& text) {
  std::string out(compressBound(text.size()) + 64, '\0');
  z_stream stream{};
  deflateInit2(&stream, 9, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

struct Part {
  std::string name, content;
  bool stored = false;
  uint32_t mode = 0100644;
  int flags = 0;
  int64_t claimed = -1;  // unpacked size
  uint32_t crc_error = 0;
};

std::string zip_of(const std::vector<Part>& parts, const std::string& comment = "") {
  std::string out, directory;
  for (const Part& part : parts) {
    const std::string packed = part.stored ? part.content : deflated(part.content);
    const auto crc = static_cast<uint32_t>(crc32_z(0, reinterpret_cast<const Bytef*>(part.content.data()), part.content.size())) ^ part.crc_error;
    const auto unpacked = static_cast<uint64_t>(part.claimed >= 0 ? part.claimed : static_cast<int64_t>(part.content.size()));
    const uint64_t at = out.size();
    std::string common;
    append(common, 20, 2);
    append(common, static_cast<uint64_t>(part.flags), 2);
    append(common, part.stored ? 0 : 8, 2);
    append(common, 0, 4);
    append(common, crc, 4);
    append(common, packed.size(), 4);
    append(common, unpacked, 4);
    append(common, part.name.size(), 2);
    append(common, 0, 2);
    append(out, 0x04034b50, 4);
    out += common + part.name + packed;
    append(directory, 0x02014b50, 4);
    append(directory, 0x031e, 2);
    directory += common;
    append(directory, 0, 6);  // comment, disk, internal
    append(directory, uint64_t{part.mode} << 16, 4);
    append(directory, at, 4);
    directory += part.name;
  }
  const uint64_t begin = out.size();
  out += directory;
  append(out, 0x06054b50, 4);
  append(out, 0, 4);
  append(out, parts.size(), 2);
  append(out, parts.size(), 2);
  append(out, directory.size(), 4);
  append(out, begin, 4);
  append(out, comment.size(), 2);
  return out + comment;
}

struct Unpacked {
  TemporaryFolder folder;
  Result<std::vector<std::string>> names = error("");
  explicit Unpacked(const std::string& bytes, UnzipLimits limits = {}) {
    testing::check(write_file_atomic(folder.path() / "x.zip", bytes));
    testing::check(make_folders(folder.path() / "deep" / "out"));
    names = unzip(folder.path() / "x.zip", folder.path() / "deep" / "out", limits);
  }
  std::string why() const { return names.ok() ? "no error" : names.error().to_string(); }
};

// C-1.14
TEST(Unzip, StoredAndDeflatedEntriesComeOut) {
  std::string large;
  for (int i = 0; i < 200'000; ++i) large += std::to_string(i);
  const Unpacked out(zip_of({{"bundle/", "", true}, {"bundle/a.txt", "alpha", true}, {"bundle/deep/b.txt", large}, {"empty", "", true}}, "a comment"));
  ASSERT_TRUE(out.names.ok()) << out.why();
  EXPECT_EQ(out.names.value(), (std::vector<std::string>{"bundle/a.txt", "bundle/deep/b.txt", "empty"}));
  EXPECT_EQ(take(read_file(out.folder.path() / "deep/out/bundle/a.txt")), "alpha");
  EXPECT_EQ(take(read_file(out.folder.path() / "deep/out/bundle/deep/b.txt")), large);
}

TEST(Unzip, NamesThatLeaveTheFolderAreRefused) {
  for (const char* name : {"../evil", "/evil", "a/../../evil", "..", "a\\..\\evil", "a//b", "./x", "a\nb"}) {
    const Unpacked out(zip_of({{"good", "1"}, {name, "2"}}));
    EXPECT_NE(out.why().find("outside of the folder"), std::string::npos) << name << ": " << out.why();
    EXPECT_FALSE(fs::exists(out.folder.path() / "deep" / "evil"));
    EXPECT_TRUE(fs::is_empty(out.folder.path() / "deep" / "out")) << "nothing is written before all names are checked";
  }
}

TEST(Unzip, LinksDoublesAndSecretsAreRefused) {
  EXPECT_NE(Unpacked(zip_of({{"l", "/etc", true, 0120777}})).why().find("link"), std::string::npos);
  EXPECT_NE(Unpacked(zip_of({{"a", "1"}, {"a", "2"}})).why().find("twice"), std::string::npos);
  EXPECT_NE(Unpacked(zip_of({{"a", "1", false, 0100644, 1}})).why().find("encrypted"), std::string::npos);
}

TEST(Unzip, BombsAndLiesEndWithAnError) {
  const std::string zeros(10'000'000, '\0');
  EXPECT_NE(Unpacked(zip_of({{"a", zeros}}), {10, 1'000'000}).why().find("unpacks to more"), std::string::npos);
  EXPECT_NE(Unpacked(zip_of({{"a", zeros, false, 0100644, 0, 1000}}), {10, 1'000'000}).why().find("longer than it says"), std::string::npos);
  EXPECT_NE(Unpacked(zip_of({{"a", "abc", false, 0100644, 0, 1000}})).why().find("not as long"), std::string::npos);
  EXPECT_NE(Unpacked(zip_of({{"a", "abc", false, 0100644, 0, -1, 1}})).why().find("CRC"), std::string::npos);
  EXPECT_NE(Unpacked(zip_of({{"a", "1"}, {"b", "2"}}), {1, 100}).why().find("entries"), std::string::npos);
  // Two entries over the same bytes.
  std::string shared = zip_of({{"a", "same", true}, {"b", "same", true}});
  const size_t second = shared.rfind("PK\x01\x02");
  for (size_t i = 0; i < 4; ++i) shared[second + 42 + i] = '\0';
  EXPECT_NE(Unpacked(shared).why().find("overlap"), std::string::npos);
}

TEST(Unzip, DamageAnywhereIsAnErrorOrHarmless) {
  const std::string whole = zip_of({{"a.txt", "some text that is packed, packed, packed"}, {"b.txt", "plain", true}});
  for (size_t cut = 0; cut < whole.size(); cut += 5) EXPECT_FALSE(Unpacked(whole.substr(0, cut)).names.ok()) << cut;
  for (size_t at = 0; at < whole.size(); at += 3) {
    std::string bytes = whole;
    bytes[at] = static_cast<char>(bytes[at] ^ 0x81);
    const Unpacked out(bytes);
    if (!out.names.ok()) continue;
    for (const std::string& name : out.names.value()) {
      const std::string text = take(read_file(out.folder.path() / "deep/out" / name));
      EXPECT_TRUE(text == "some text that is packed, packed, packed" || text == "plain") << "byte " << at;
    }
  }
}

}  // namespace
}  // namespace lathe::net
