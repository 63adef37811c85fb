#include "tensor/safetensors.h"

#include <gtest/gtest.h>

#include <cstring>
#include <fstream>

#include "core/rng.h"
#include "tests/ref/testing.h"

namespace lathe {
namespace {

using testing::check;
using testing::take;

// A file from its parts; header_length < 0 = the true one.
std::string file_bytes(const std::string& header, const std::string& data, int64_t header_length = -1) {
  std::string bytes(8, '\0');
  const int64_t length = header_length < 0 ? static_cast<int64_t>(header.size()) : header_length;
  std::memcpy(bytes.data(), &length, 8);
  return bytes + header + data;
}

class Safetensors : public ::testing::Test {
 protected:
  TemporaryFolder folder_;
  fs::path path_ = folder_.path() / "x.safetensors";

  Result<SafetensorsFile> read(const std::string& bytes) {
    std::ofstream(path_, std::ios::binary) << bytes;
    return read_safetensors(path_);
  }
  // The error names the file and says this.
  void expect_error(const std::string& bytes, const std::string& text) {
    const auto result = read(bytes);
    ASSERT_FALSE(result.ok()) << text;
    EXPECT_NE(result.error().to_string().find(text), std::string::npos) << result.error().to_string();
    EXPECT_NE(result.error().to_string().find("x.safetensors"), std::string::npos) << result.error().to_string();
  }
  std::string one_tensor(const std::string& dtype, const std::string& shape, const std::string& offsets) {
    return file_bytes("{\"w\":{\"dtype\":\"" + dtype + "\",\"shape\":" + shape + ",\"data_offsets\":" + offsets + "}}", std::string(24, '\1'));
  }
};

TEST_F(Safetensors, RoundTripKeepsBitsOrderAndMetadata) {
  std::vector<std::pair<std::string, Tensor>> tensors;
  Rng rng(1, "test");
  for (const DType dtype : {DType::kFloat64, DType::kUInt8, DType::kBFloat16, DType::kFloat32, DType::kInt32, DType::kInt64}) {
    const Tensor x = Tensor::empty({3, 5}, dtype);
    for (int64_t i = 0; i < x.bytes(); ++i) static_cast<uint8_t*>(x.raw())[i] = static_cast<uint8_t>(rng.next_u32());
    tensors.emplace_back(join_text("layer.", dtype_name(dtype), " \"quoted\" \xC3\xA9"), x);
  }
  tensors.emplace_back("scalar", Tensor::zeros({}, DType::kFloat32));
  tensors.emplace_back("empty", Tensor::zeros({0, 4}, DType::kFloat32));
  check(write_safetensors(path_, tensors, {{"format", "pt"}, {"step", "12"}}));

  const SafetensorsFile file = take(read_safetensors(path_));
  EXPECT_EQ(file.metadata, (std::map<std::string, std::string>{{"format", "pt"}, {"step", "12"}}));
  ASSERT_EQ(file.tensors.size(), tensors.size());
  for (size_t i = 0; i < tensors.size(); ++i) {
    const auto& [name, x] = tensors[i];
    EXPECT_EQ(file.tensors[i].first, name);
    const Tensor& y = file.tensors[i].second;
    EXPECT_EQ(y.dtype(), x.dtype());
    EXPECT_EQ(y.shape(), x.shape());
    EXPECT_EQ(std::memcmp(x.raw(), y.raw(), static_cast<size_t>(x.bytes())), 0) << name;
  }
  EXPECT_NE(file.find("scalar"), nullptr);
  EXPECT_EQ(file.find("nobody"), nullptr);
}

TEST_F(Safetensors, DataStartsOnEightBytes) {
  check(write_safetensors(path_, {{"w", Tensor::zeros({3}, DType::kFloat32)}}));
  const std::string bytes = take(read_file(path_));
  uint64_t length = 0;
  std::memcpy(&length, bytes.data(), 8);
  EXPECT_EQ((8 + length) % 8, 0u);
  EXPECT_EQ(bytes.size(), 8 + length + 12);
}

// Others may leave a float behind an odd number of bytes.
TEST_F(Safetensors, ReadsUnalignedTensors) {
  std::string data = "\1";
  const float value = 1.5f;
  data.append(reinterpret_cast<const char*>(&value), 4);
  const std::string header =
      R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"F32","shape":[1],"data_offsets":[1,5]}})";
  const SafetensorsFile file = take(read(file_bytes(header, data)));
  EXPECT_EQ(reinterpret_cast<uintptr_t>(file.find("b")->raw()) % 4, 0u);
  EXPECT_EQ(file.find("b")->data<float>()[0], 1.5f);
}

TEST_F(Safetensors, RefusesDamagedHeaders) {
  expect_error("", "too short");
  expect_error("1234567", "too short");
  expect_error(file_bytes("{}", "", 3), "header length");
  expect_error(file_bytes("{}", "", int64_t{1} << 40), "header length");
  expect_error(file_bytes("{}", "", std::numeric_limits<int64_t>::max()), "header length");
  expect_error(file_bytes("[]", ""), "not a JSON object");
  expect_error(file_bytes("{\"w\":", ""), "");
  expect_error(file_bytes("{\"w\":7}", ""), "");
  expect_error(file_bytes("{\"__metadata__\":[]}", ""), "__metadata__");
  std::string all_ones(64, '\xFF');  // a header length of 2^64 - 1
  expect_error(all_ones, "header length");
  EXPECT_TRUE(read(file_bytes("{}", "")).ok());
}

TEST_F(Safetensors, RefusesDamagedEntries) {
  EXPECT_TRUE(read(one_tensor("F32", "[2,3]", "[0,24]")).ok());
  expect_error(one_tensor("F32", "[2,3]", "[0,28]"), "truncated");
  expect_error(one_tensor("F32", "[2,3]", "[4,28]"), "truncated");
  expect_error(one_tensor("F32", "[2,3]", "[-4,20]"), "\"w\"");
  expect_error(one_tensor("F32", "[2,3]", "[24,0]"), "\"w\"");
  expect_error(one_tensor("F32", "[2,3]", "[0]"), "data_offsets");
  expect_error(one_tensor("F32", "[2,3]", "[0,1e400]"), "");
  expect_error(one_tensor("F32", "[2,3]", "[0,24.5]"), "data_offsets");
  expect_error(one_tensor("F32", "[2,4]", "[0,24]"), "needs 32 bytes");
  expect_error(one_tensor("F32", "[2,2]", "[0,24]"), "needs 16 bytes");
  expect_error(one_tensor("F32", "[2,-3]", "[0,24]"), "dimension");
  expect_error(one_tensor("F32", "[2,\"3\"]", "[0,24]"), "dimension");
  expect_error(one_tensor("F32", "[1,1,1,2,3]", "[0,24]"), "4 dimensions");
  expect_error(one_tensor("F77", "[2,3]", "[0,24]"), "F77");
  expect_error(one_tensor("F77", "[2,3]", "[0,24]"), "\"w\"");
}

// Trap S9: sizes whose product wraps around to the right number of bytes.
TEST_F(Safetensors, TrapS9OverflowingShapes) {
  expect_error(one_tensor("F32", "[4611686018427387904,4]", "[0,0]"), "overflow");
  expect_error(one_tensor("F32", "[4294967296,4294967296]", "[0,0]"), "overflow");
  expect_error(one_tensor("F32", "[4294967296,4294967296,2,3]", "[0,24]"), "overflow");
  expect_error(one_tensor("F32", "[9223372036854775807,1]", "[0,24]"), "overflow");
  expect_error(one_tensor("F32", "[99999999999999999999]", "[0,24]"), "");
}

// Trap S9: a short header that shows the same bytes a thousand times, each an unaligned copy.
TEST_F(Safetensors, TrapS9TensorsDoNotOverlap) {
  std::string header = R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]})";
  for (int i = 0; i < 1000; ++i) header += R"(,"b)" + std::to_string(i) + R"(":{"dtype":"F32","shape":[250000],"data_offsets":[1,1000001]})";
  expect_error(file_bytes(header + "}", std::string(1000001, 'x')), "overlap");
  expect_error(file_bytes(R"({"a":{"dtype":"U8","shape":[3],"data_offsets":[2,5]},"b":{"dtype":"U8","shape":[3],"data_offsets":[0,3]}})", "12345"), "\"b\" and \"a\" overlap");
  EXPECT_TRUE(read(file_bytes(R"({"a":{"dtype":"U8","shape":[0],"data_offsets":[1,1]},"b":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})", "12")).ok());
}

// Wherever a good file is cut, reading fails cleanly.
TEST_F(Safetensors, EveryTruncationIsAnError) {
  check(write_safetensors(path_, {{"a", Tensor::zeros({3}, DType::kFloat32)}, {"b", Tensor::zeros({2, 2}, DType::kBFloat16)}}));
  const std::string whole = take(read_file(path_));
  for (size_t length = 0; length < whole.size(); ++length) EXPECT_FALSE(read(whole.substr(0, length)).ok()) << length;
  EXPECT_TRUE(read(whole).ok());
}

// Any byte of the header changed: an error or a file whose tensors lie inside it, never a crash.
TEST_F(Safetensors, FlippedBytesNeverReachOutside) {
  check(write_safetensors(path_, {{"a", Tensor::zeros({3}, DType::kFloat32)}, {"b", Tensor::zeros({2, 2}, DType::kBFloat16)}}));
  const std::string whole = take(read_file(path_));
  int64_t refused = 0;
  for (size_t i = 0; i < whole.size() - 20; ++i)
    for (const char flip : {'\x01', '\x08', '\x40'}) {
      std::string bytes = whole;
      bytes[i] = static_cast<char>(bytes[i] ^ flip);
      const auto result = read(bytes);
      if (!result.ok()) {
        ++refused;
        continue;
      }
      const std::string_view view = result.value().file.view();
      for (const auto& [name, x] : result.value().tensors) {
        const auto* begin = static_cast<const char*>(x.raw());
        const bool inside = begin >= view.data() && begin + x.bytes() <= view.data() + view.size();
        const bool own_copy = begin + x.bytes() <= view.data() || begin >= view.data() + view.size();
        ASSERT_TRUE(inside || own_copy) << name << " after a change at byte " << i;
      }
    }
  EXPECT_GT(refused, 0);
}

TEST_F(Safetensors, RefusesTwoTensorsOfOneName) {
  const Tensor x = Tensor::zeros({1}, DType::kFloat32);
  EXPECT_THROW((void)write_safetensors(path_, {{"w", x}, {"w", x}}), std::invalid_argument);
  expect_error(file_bytes(R"({"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"w":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})", "ab"), "");
}

TEST_F(Safetensors, MissingFileNamesThePath) {
  const auto result = read_safetensors(folder_.path() / "nobody.safetensors");
  ASSERT_FALSE(result.ok());
  EXPECT_NE(result.error().to_string().find("nobody.safetensors"), std::string::npos);
}

}  // namespace
}  // namespace lathe
