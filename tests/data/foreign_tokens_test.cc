// Token files of llm.c, nanoGPT and Megatron, as their own tools lay them out.
#include "data/foreign_tokens.h"

#include "files.h"

namespace lathe::data {
namespace {

using namespace testing;

template <class T>
void put(std::string& bytes, T value) {
  bytes.append(reinterpret_cast<const char*>(&value), sizeof(T));
}

template <class T>
std::string tokens(int64_t count, int64_t first = 0) {
  std::string bytes;
  for (int64_t i = 0; i < count; ++i) put(bytes, static_cast<T>(first + i));
  return bytes;
}

std::string llm_c(int32_t magic, int32_t version, int32_t count) {
  std::string bytes;
  for (const int32_t field : {magic, version, count}) put(bytes, field);
  bytes.resize(1024);
  return bytes;
}

std::string megatron(uint8_t code, int64_t width, const std::vector<int32_t>& lengths,
                     const std::vector<int64_t>& documents) {
  std::string bytes("MMIDIDX\0\0", 9);
  put(bytes, uint64_t{1});
  put(bytes, code);
  put(bytes, static_cast<uint64_t>(lengths.size()));
  put(bytes, static_cast<uint64_t>(documents.size()));
  for (const int32_t length : lengths) put(bytes, length);
  int64_t at = 0;
  for (const int32_t length : lengths) {
    put(bytes, at);
    at += length * width;
  }
  for (const int64_t document : documents) put(bytes, document);
  return bytes;
}

class ForeignTokens : public ::testing::Test {
 protected:
  fs::path write(const std::string& name, const std::string& bytes) {
    check(write_file_atomic(folder_.path() / name, bytes));
    return folder_.path() / name;
  }
  // The tokens are 0, 1, 2 ...
  void expect_counting(const fs::path& path, int64_t tokens, int64_t first = 0) {
    const auto set = take(open_foreign_tokens(path, 8, 100000));
    ASSERT_EQ(set->size(), (tokens - 1) / 8);
    std::vector<int32_t> ids(9);
    for (int64_t i = 0; i < set->size(); ++i) {
      set->read(i, ids);
      for (int64_t t = 0; t < 9; ++t) ASSERT_EQ(ids[static_cast<size_t>(t)], first + i * 8 + t);
    }
  }
  std::string refusal(const fs::path& path, int64_t vocab = 100000) {
    const auto set = open_foreign_tokens(path, 8, vocab);
    return set.ok() ? "no error" : set.error().to_string();
  }
  TemporaryFolder folder_;
};

TEST_F(ForeignTokens, LlmCFilesOfBothWidths) {
  const fs::path narrow = write("a.bin", llm_c(20240520, 1, 100) + tokens<uint16_t>(100));
  EXPECT_EQ(take(token_file_kind(narrow)), TokenFileKind::kLlmC);
  expect_counting(narrow, 100);
  expect_counting(write("b.bin", llm_c(20240801, 7, 100) + tokens<uint32_t>(100, 70000)), 100, 70000);
}

TEST_F(ForeignTokens, NanoGptFiles) {
  const fs::path path = write("train.bin", tokens<uint16_t>(1000));
  EXPECT_EQ(take(token_file_kind(path)), TokenFileKind::kNanoGpt);
  expect_counting(path, 1000);
}

TEST_F(ForeignTokens, MegatronFilesWithTheirDocuments) {
  const fs::path path = write("m.bin", tokens<uint16_t>(60));
  write("m.idx", megatron(8, 2, {10, 7, 0, 13, 30}, {0, 2, 3, 5}));
  EXPECT_EQ(take(token_file_kind(path)), TokenFileKind::kMegatron);
  expect_counting(path, 60);
  const auto set = take(open_foreign_tokens(path, 8, 100));
  std::vector<int32_t> starts;
  set->document_starts(0, starts);
  EXPECT_EQ(starts, std::vector<int32_t>{0});
  starts.clear();
  set->document_starts(2, starts);
  EXPECT_EQ(starts, std::vector<int32_t>{1}) << "token 17, where sequences 2 (empty) and 3 begin";
}

TEST_F(ForeignTokens, MegatronFilesOfFourBytes) {
  const fs::path path = write("w.bin", tokens<int32_t>(40, 70000));
  write("w.idx", megatron(4, 4, {20, 20}, {0, 1, 2}) + std::string(2, '\0'));  // with a mode for each sequence
  expect_counting(path, 40, 70000);
}

// Trap S9
TEST_F(ForeignTokens, TrapS9HostileFilesAreRefusedWithTheirByte) {
  EXPECT_NE(refusal(write("a.bin", llm_c(20240520, 1, 101) + tokens<uint16_t>(100))).find("is cut short"),
            std::string::npos);
  EXPECT_NE(refusal(write("a.bin", llm_c(20240520, 1, -1) + tokens<uint16_t>(100))).find("at byte 8"),
            std::string::npos);
  EXPECT_NE(refusal(write("a.bin", llm_c(20240520, 2, 100) + tokens<uint16_t>(100))).find("at byte 4: has version 2"),
            std::string::npos);
  EXPECT_NE(refusal(write("a.bin", llm_c(20240520, 1, 0).substr(0, 500))).find("at byte 500: is cut short"),
            std::string::npos);
  EXPECT_NE(refusal(write("a.bin", tokens<uint16_t>(100) + "x")).find("odd number"), std::string::npos);
  EXPECT_NE(refusal(write("a.bin", tokens<uint16_t>(8))).find("one sequence needs 9"), std::string::npos);
  EXPECT_NE(
      refusal(write("a.bin", tokens<uint16_t>(100)), 90).find("at byte 180: token 90 is not in the vocabulary of 90"),
      std::string::npos);

  const fs::path bin = write("m.bin", tokens<uint16_t>(60));
  const std::string good = megatron(8, 2, {30, 30}, {0, 1, 2});
  const auto with = [&](size_t offset, auto value) {
    std::string bytes = good;
    bytes.replace(offset, sizeof value, reinterpret_cast<const char*>(&value), sizeof value);
    write("m.idx", bytes);
    return refusal(bin);
  };
  EXPECT_NE(with(9, uint64_t{2}).find("m.idx at byte 9: has version 2"), std::string::npos);
  EXPECT_NE(with(17, uint8_t{6}).find("m.idx at byte 17"), std::string::npos);
  EXPECT_NE(with(18, uint64_t{1} << 62).find("m.idx at byte 18"), std::string::npos) << "2^62 * 12 overflows";
  EXPECT_NE(with(26, UINT64_MAX).find("m.idx at byte 18"), std::string::npos);
  EXPECT_NE(with(34, int32_t{-5}).find("m.idx at byte 34"), std::string::npos);
  EXPECT_NE(with(38, int32_t{31}).find("m.bin at byte 120"), std::string::npos);
  EXPECT_NE(with(50, int64_t{64}).find("m.idx at byte 50"), std::string::npos);
  EXPECT_NE(with(66, int64_t{7}).find("m.idx at byte 66"), std::string::npos);
  for (size_t bytes = 9; bytes < good.size(); ++bytes) {
    write("m.idx", good.substr(0, bytes));
    ASSERT_NE(refusal(bin).find("m.idx at byte"), std::string::npos) << bytes;
  }
  write("m.idx", "LATHEPK");
  EXPECT_NE(refusal(bin).find("give its folder"), std::string::npos);
}

}  // namespace
}  // namespace lathe::data
