// The element codes of GGUF against the gguf package and llama.cpp: golden set gguf.
#include <cmath>
#include <cstring>

#include "core/file.h"
#include "core/json.h"
#include "tensor/block_codes.h"
#include "tensor/half.h"
#include "tensor/safetensors.h"
#include "tests/ref/testing.h"

namespace lathe::testing {
namespace {

std::vector<float> decoded(BlockType type, const Tensor& bytes, int64_t values) {
  std::vector<float> out(static_cast<size_t>(values));
  decode_blocks(type, static_cast<const std::byte*>(bytes.raw()), out);
  return out;
}

// Types of the set that are known here; at least those that the contract names.
std::vector<const BlockCode*> types_in(const SafetensorsFile& file) {
  std::vector<const BlockCode*> out;
  for (const auto& [name, tensor] : file.tensors)
    if (const size_t dot = name.find(".bytes"); dot != std::string::npos)
      if (const BlockCode* code = find_block_code(std::string_view(name).substr(0, dot))) out.push_back(code);
  return out;
}

bool same_bits(std::span<const float> a, std::span<const float> b) { return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0; }

TEST(BlockCodesGolden, BytesBecomeTheirExactValues) {
  LATHE_NEEDS(golden("gguf"));
  for (const char* name : {"quant_arrays.safetensors", "random_blocks.safetensors"}) {
    const SafetensorsFile file = take(read_safetensors(golden("gguf") / name));
    const std::vector<const BlockCode*> types = types_in(file);
    EXPECT_GE(types.size(), 9u) << name;
    for (const BlockCode* code : types) {
      const Tensor& values = *file.find(join_text(code->name, ".values"));
      const Tensor& bytes = *file.find(join_text(code->name, ".bytes"));
      ASSERT_EQ(bytes.elements(), values.elements() / code->values * code->bytes) << code->name;
      EXPECT_TRUE(same_bits(decoded(code->type, bytes, values.elements()), values.span<float>())) << name << " " << code->name;
    }
  }
}

TEST(BlockCodesGolden, LegacyTypesAreEncodedToTheSameBytes) {
  LATHE_NEEDS(golden("gguf"));
  const SafetensorsFile file = take(read_safetensors(golden("gguf") / "quant_arrays.safetensors"));
  const Tensor& x = *file.find("x");
  for (const BlockType type : {BlockType::kQ8_0, BlockType::kQ4_0, BlockType::kBF16}) {
    const Tensor& expected = *file.find(join_text(block_code(type).name, ".bytes"));
    std::vector<std::byte> bytes(static_cast<size_t>(expected.bytes()));
    encode_blocks(type, x.span<float>(), bytes.data());
    EXPECT_EQ(std::memcmp(bytes.data(), expected.raw(), bytes.size()), 0) << block_code(type).name;
  }
}

TEST(BlockCodesGolden, KQuantsAreAsGoodAsLlamaCpps) {
  LATHE_NEEDS(golden("gguf"));
  const SafetensorsFile file = take(read_safetensors(golden("gguf") / "quant_arrays.safetensors"));
  const Json info = read_json_or_fail(golden("gguf") / "quant_info.json");
  const Tensor& x = *file.find("x");
  for (const BlockType type : {BlockType::kQ4_K, BlockType::kQ6_K}) {
    const Json& errors = info.at("types").at(block_code(type).name).at("rms_error_by_row");
    for (int64_t row = 0; row < x.dim(0); ++row) {
      const std::span<const float> values = x.span<float>().subspan(static_cast<size_t>(row * x.dim(1)), static_cast<size_t>(x.dim(1)));
      std::vector<std::byte> bytes(values.size() / 256 * static_cast<size_t>(block_code(type).bytes));
      encode_blocks(type, values, bytes.data());
      std::vector<float> back(values.size());
      decode_blocks(type, bytes.data(), back);
      double sum = 0;
      for (size_t i = 0; i < back.size(); ++i) sum += std::pow(double{back[i]} - double{values[i]}, 2);
      const double actual = std::sqrt(sum / static_cast<double>(back.size()));
      const std::string name = info.at("rows").at(static_cast<size_t>(row)).as_string();
      const double expected = errors.at(name).as_double();
      ASSERT_TRUE(std::isfinite(actual));
      EXPECT_LE(std::abs(actual - expected), 0.02 * expected) << block_code(type).name << " " << name << ": " << actual << ", " << expected;
    }
  }
}

// The set has 16-bit integers, which are no tensors here: the file is read as bytes.
TEST(BlockCodesGolden, HalvesRoundAsNumpys) {
  LATHE_NEEDS(golden("gguf"));
  const std::string all = take(read_file(golden("gguf") / "halfs.safetensors"));
  uint64_t header = 0;
  std::memcpy(&header, all.data(), 8);
  const Json json = take(parse_json(std::string_view(all).substr(8, header), "halfs"));
  const auto data = [&](const char* name) { return all.data() + 8 + header + json.at(name).at("data_offsets").at(size_t{0}).as_int(); };
  const auto n = static_cast<size_t>(json.at("x").at("shape").at(size_t{0}).as_int());
  std::vector<float> x(n), back(n);
  std::memcpy(x.data(), data("x"), n * 4);
  for (const BlockType type : {BlockType::kF16, BlockType::kBF16}) {
    const std::string name = block_code(type).name;
    std::vector<uint16_t> bits(n), expected(n);
    encode_blocks(type, x, reinterpret_cast<std::byte*>(bits.data()));
    std::memcpy(expected.data(), data((name + "_bits").c_str()), n * 2);
    EXPECT_EQ(bits, expected) << name;
    std::vector<float> values(n);
    std::memcpy(values.data(), data((name + "_values").c_str()), n * 4);
    decode_blocks(type, reinterpret_cast<const std::byte*>(expected.data()), back);
    EXPECT_TRUE(same_bits(back, values)) << name;
  }
}

}  // namespace
}  // namespace lathe::testing
