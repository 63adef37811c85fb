// The GGUF container: what is written comes back, and what a hostile file says is checked before it is believed.
#include "tensor/gguf.h"

#include <cstring>
#include <limits>

#include "core/rng.h"
#include "tests/ref/testing.h"

namespace lathe::testing {
namespace {

// A small file with a value of every kind that is written, and two tensors.
std::string small_file() {
  TemporaryFolder folder;
  const std::vector<float> values = [] {
    std::vector<float> out(64 * 3);
    Rng rng(7, "gguf_test");
    for (float& x : out) x = static_cast<float>(rng.normal());
    return out;
  }();
  const auto read = [&](int64_t begin, std::span<float> out) { std::copy_n(values.begin() + begin, out.size(), out.begin()); };
  check(write_gguf(folder.path() / "a.gguf",
                   {{"general.architecture", GgufValue::of_text("llama")},
                    {"n", GgufValue::of_uint32(4000000000u)},
                    {"x", GgufValue::of_float32(0.5f)},
                    {"yes", GgufValue::of_bool(true)},
                    {"texts", GgufValue::of_texts({"a", "", "\u4e2d"})},
                    {"floats", GgufValue::of_floats({1.5f, -2})},
                    {"ints", GgufValue::of_ints({1, -2, 3})}},
                   {{"first.weight", {64, 3}, BlockType::kF32, read, nullptr}, {"second.weight", {64, 3}, BlockType::kQ8_0, read, nullptr}})
            .ok()
            ? Status()
            : Status(error("not written")));
  return take(read_file(folder.path() / "a.gguf"));
}

Result<GgufFile> read_bytes(std::string_view bytes) {
  static const TemporaryFolder folder;
  const fs::path path = folder.path() / "file.gguf";
  LATHE_TRY_STATUS(write_file_atomic(path, bytes));
  return read_gguf(path);
}

void put(std::string& bytes, uint64_t value, size_t width) { bytes.append(reinterpret_cast<const char*>(&value), width); }
void put_text(std::string& bytes, std::string_view text) {
  put(bytes, text.size(), 8);
  bytes += text;
}

// A header of one tensor, then `data` zero bytes.
std::string one_tensor(const std::vector<uint64_t>& extents, uint32_t type, uint64_t offset, size_t data, const std::string& extra_key = "") {
  std::string bytes = "GGUF";
  put(bytes, 3, 4);
  put(bytes, 1, 8);
  put(bytes, extra_key.empty() ? 0 : 1, 8);
  bytes += extra_key;
  put_text(bytes, "w");
  put(bytes, extents.size(), 4);
  for (const uint64_t extent : extents) put(bytes, extent, 8);
  put(bytes, type, 4);
  put(bytes, offset, 8);
  bytes.resize((bytes.size() + 31) / 32 * 32 + data);
  return bytes;
}

std::string key_of(std::string_view key, uint32_t kind, std::string_view value) {
  std::string bytes;
  put_text(bytes, key);
  put(bytes, kind, 4);
  return bytes += value;
}

std::string message_of(const Result<GgufFile>& result) { return result.ok() ? "read" : result.error().message; }

TEST(Gguf, WhatIsWrittenComesBack) {
  const GgufFile file = take(read_bytes(small_file()));
  EXPECT_EQ(file.version, 3u);
  EXPECT_EQ(file.find("general.architecture")->text(), "llama");
  EXPECT_EQ(file.find("n")->integer(), 4000000000);
  EXPECT_EQ(file.find("x")->number(), 0.5);
  EXPECT_EQ(file.find("yes")->boolean(), true);
  EXPECT_EQ(file.find("texts")->texts(), (std::vector<std::string_view>{"a", "", "\u4e2d"}));
  EXPECT_EQ(file.find("floats")->numbers(), (std::vector<double>{1.5, -2}));
  EXPECT_EQ(file.find("ints")->integers(), (std::vector<int64_t>{1, -2, 3}));
  EXPECT_FALSE(file.find("x")->integer().has_value());
  EXPECT_FALSE(file.find("texts")->integers().has_value());
  EXPECT_EQ(file.find("missing"), nullptr);
  ASSERT_EQ(file.tensors.size(), 2u);
  EXPECT_EQ(file.tensors[0].shape(), (Shape{3, 64}));
  std::vector<float> exact(192), coded(192);
  decode_blocks(BlockType::kF32, file.find_tensor("first.weight")->data, exact);
  decode_blocks(BlockType::kQ8_0, file.find_tensor("second.weight")->data, coded);
  EXPECT_NE(exact, coded);
  EXPECT_TRUE(is_close(std::span<const float>(coded), exact, {0.02, 0}));
  EXPECT_EQ(file.tensors[1].bytes, 192 / 32 * 34);
}

TEST(Gguf, ErrorsOfWritingAreSummedTheSameWithAnyThreads) {
  TemporaryFolder folder;
  const auto read = [](int64_t begin, std::span<float> out) {
    for (size_t i = 0; i < out.size(); ++i) out[i] = static_cast<float>((begin + static_cast<int64_t>(i)) % 1000) / 7;
  };
  const std::vector<GgufSource> tensors = {{"w", {256, 1000}, BlockType::kQ4_K, read, nullptr}};
  const auto written = take(write_gguf(folder.path() / "a", {}, tensors));
  const auto again = take(write_gguf(folder.path() / "b", {}, tensors));
  EXPECT_EQ(written[0].squared_error, again[0].squared_error);
  EXPECT_GT(written[0].squared_error, 0);
  EXPECT_EQ(take(read_file(folder.path() / "a")), take(read_file(folder.path() / "b")));
  EXPECT_LT(written[0].squared_error, 0.01 * written[0].squared_values);
  // Bytes that are copied stay what they are.
  const GgufFile file = take(read_gguf(folder.path() / "a"));
  take(write_gguf(folder.path() / "c", {}, {{"w", {256, 1000}, BlockType::kQ4_K, nullptr, file.tensors[0].data}}));
  EXPECT_EQ(take(read_file(folder.path() / "c")), take(read_file(folder.path() / "a")));
}

// Sizes that a file states are never multiplied, added or reserved before the file's own size bounds them.
TEST(TrapS9, SizesFromAGgufFileAreBoundedBeforeUse) {
  const uint64_t huge = uint64_t{1} << 62, most = ~uint64_t{0};
  EXPECT_TRUE(read_bytes(one_tensor({32, 2}, 0, 0, 256)).ok());
  for (const auto& extents : {std::vector<uint64_t>{huge, 4}, {most, most}, {uint64_t{1} << 32, uint64_t{1} << 32}, {huge, huge, huge, huge}})
    EXPECT_NE(message_of(read_bytes(one_tensor(extents, 0, 0, 256))).find("overflows"), std::string::npos);
  // Elements fit 63 bits, their bytes do not, or not the file.
  EXPECT_NE(message_of(read_bytes(one_tensor({uint64_t{1} << 61}, 0, 0, 256))).find("overflows"), std::string::npos);
  EXPECT_NE(message_of(read_bytes(one_tensor({uint64_t{1} << 40}, 0, 0, 256))).find("the data has 256"), std::string::npos);
  EXPECT_NE(message_of(read_bytes(one_tensor({32, 2}, 0, 32, 256))).find("the data has 256"), std::string::npos);
  EXPECT_NE(message_of(read_bytes(one_tensor({32, 2}, 0, most - 31, 256))).find("the data has 256"), std::string::npos);
  EXPECT_NE(message_of(read_bytes(one_tensor({32, 2}, 0, 8, 512))).find("alignment"), std::string::npos);
  EXPECT_NE(message_of(read_bytes(one_tensor({0, 2}, 0, 0, 256))).find("is 0"), std::string::npos);
  EXPECT_NE(message_of(read_bytes(one_tensor({33, 2}, 8, 0, 256))).find("whole blocks"), std::string::npos);
  EXPECT_NE(message_of(read_bytes(one_tensor({32, 2}, 9999, 0, 256))).find("type 9999"), std::string::npos);
  EXPECT_NE(message_of(read_bytes(one_tensor({1, 1, 1, 1, 1}, 0, 0, 256))).find("dimensions"), std::string::npos);
  EXPECT_NE(message_of(read_bytes(one_tensor({}, 0, 0, 256))).find("dimensions"), std::string::npos);
}

TEST(TrapS9, CountsOfAGgufFileAreBoundedBeforeUse) {
  for (const uint64_t count : {uint64_t{1} << 40, ~uint64_t{0}})
    for (const bool tensors : {true, false}) {
      std::string bytes = "GGUF";
      put(bytes, 3, 4);
      put(bytes, tensors ? count : 0, 8);
      put(bytes, tensors ? 0 : count, 8);
      EXPECT_NE(message_of(read_bytes(bytes)).find("do not fit"), std::string::npos);
    }
  for (uint32_t element = 0; element <= 12; ++element) {
    std::string array;
    put(array, element, 4);
    put(array, uint64_t{1} << 61, 8);
    EXPECT_NE(message_of(read_bytes(one_tensor({32}, 0, 0, 128, key_of("k", 9, array)))).find("truncated"), std::string::npos) << element;
  }
  std::string text;
  put(text, ~uint64_t{0}, 8);
  EXPECT_NE(message_of(read_bytes(one_tensor({32}, 0, 0, 128, key_of("k", 8, text)))).find("truncated"), std::string::npos);
}

TEST(Gguf, HostileMetadataIsRefused) {
  const auto with_alignment = [](uint64_t value) {
    std::string bytes;
    put(bytes, value, 4);
    return message_of(read_bytes(one_tensor({32}, 0, 0, 256, key_of("general.alignment", 4, bytes))));
  };
  EXPECT_EQ(with_alignment(64), "read");
  for (const uint64_t alignment : {0u, 3u, 48u, 1u << 31}) EXPECT_NE(with_alignment(alignment).find("power of two"), std::string::npos);
  // Nested arrays: four deep are read, more are not.
  const auto nested = [](int depth) {
    std::string bytes;
    for (int i = 0; i < depth; ++i) {
      put(bytes, i + 1 < depth ? 9 : 0, 4);
      put(bytes, 1, 8);
    }
    return message_of(read_bytes(one_tensor({32}, 0, 0, 256, key_of("k", 9, bytes + "x"))));
  };
  EXPECT_EQ(nested(4), "read");
  EXPECT_NE(nested(5).find("nested"), std::string::npos);
  EXPECT_NE(nested(1000).find("nested"), std::string::npos);
  std::string bytes = small_file();
  const size_t at = bytes.find("yes");
  bytes.replace(at, 3, "yes");
  std::string twice = bytes;
  twice.replace(twice.find("ints"), 4, "text");
  EXPECT_TRUE(read_bytes(twice).ok());
  std::string same = small_file();
  same.replace(same.find("second.weight") - 8, 8 + 13, std::string("\x0c\0\0\0\0\0\0\0first.weight\x02", 21));
  EXPECT_FALSE(read_bytes(same).ok());
  std::string version = small_file();
  version[4] = 1;
  EXPECT_NE(message_of(read_bytes(version)).find("version"), std::string::npos);
  version[4] = 0;
  version[7] = 3;
  EXPECT_NE(message_of(read_bytes(version)).find("big-endian"), std::string::npos);
  EXPECT_NE(message_of(read_bytes("GGML")).find("no GGUF"), std::string::npos);
  EXPECT_FALSE(read_bytes("").ok());
}

TEST(Gguf, TensorsThatShareBytesAreRefused) {
  std::string bytes = "GGUF";
  put(bytes, 3, 4);
  put(bytes, 2, 8);
  put(bytes, 0, 8);
  for (const char* name : {"a", "b"}) {
    put_text(bytes, name);
    put(bytes, 1, 4);
    put(bytes, 64, 8);
    put(bytes, 0, 4);
    put(bytes, name[0] == 'a' ? 0 : 32, 8);
  }
  bytes.resize((bytes.size() + 31) / 32 * 32 + 512);
  EXPECT_NE(message_of(read_bytes(bytes)).find("overlap"), std::string::npos);
}

TEST(Gguf, WrongUseOfTheWriterThrows) {
  TemporaryFolder folder;
  const auto zeros = [](int64_t, std::span<float> out) { std::fill(out.begin(), out.end(), 0.0f); };
  const auto write = [&](const std::vector<GgufSource>& tensors) { return write_gguf(folder.path() / "a", {}, tensors); };
  EXPECT_THROW((void)write({{"w", {33}, BlockType::kQ8_0, zeros, nullptr}}), std::invalid_argument);
  EXPECT_THROW((void)write({{"w", {32}, BlockType::kF32, zeros, nullptr}, {"w", {32}, BlockType::kF32, zeros, nullptr}}), std::invalid_argument);
  EXPECT_THROW((void)write({{std::string(64, 'w'), {32}, BlockType::kF32, zeros, nullptr}}), std::invalid_argument);
  EXPECT_THROW((void)write({{"w", {256}, BlockType::kQ5_K, zeros, nullptr}}), std::invalid_argument);
  EXPECT_FALSE(fs::exists(folder.path() / "a"));
}

TEST(BlockCodes, ValuesThatAreNoNumbersDoNoHarm) {
  const float infinity = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  for (const std::string& name : encoded_block_names()) {
    const BlockCode& code = *find_block_code(name);
    for (const float odd : {infinity, -infinity, nan, 3e38f, -3e38f, 1e-44f}) {
      std::vector<float> values(256, 0.25f), back(256);
      values[17] = odd;
      std::vector<std::byte> bytes(static_cast<size_t>(256 / code.values * code.bytes));
      encode_blocks(code.type, values, bytes.data());
      decode_blocks(code.type, bytes.data(), back);
      // The blocks beside it are what they were.
      const float beside = back[200];
      if (code.values <= 32) {
        EXPECT_NEAR(beside, 0.25, 0.02) << name;
      }
    }
  }
}

}  // namespace
}  // namespace lathe::testing
