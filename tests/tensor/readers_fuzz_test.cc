// Readers of foreign files against damaged ones: GGUF, PyTorch's zip and pickle, safetensors. Thousands of variants of valid files,
// the same each time: no crash, no hang, and memory that a small multiple of the file bounds.
#include <chrono>

#include "core/pickle.h"
#include "core/rng.h"
#include "tensor/gguf.h"
#include "tensor/safetensors.h"
#include "tensor/torch_file.h"
#include "tests/ref/counting_new.h"
#include "tests/ref/fuzz.h"
#include "tests/ref/testing.h"

namespace lathe::testing {
namespace {

// A read may ask for a fixed amount (paths, messages, the map) and for this many bytes a byte of the file.
constexpr int64_t kFixed = 1 << 20, kTimes = 512;

using ReadFile = bool (*)(const fs::path& path);

bool read_gguf_whole(const fs::path& path) {
  const auto file = read_gguf(path);
  if (!file.ok()) return false;
  for (const auto& [key, value] : file.value().metadata) {
    (void)value.integer(), (void)value.number(), (void)value.boolean(), (void)value.text();
    (void)value.texts(), (void)value.integers(), (void)value.numbers();
  }
  for (const GgufTensor& tensor : file.value().tensors) {
    std::vector<float> values(static_cast<size_t>(tensor.elements()));
    decode_blocks(tensor.type, tensor.data, values);
  }
  return true;
}

// Reads every byte that a tensor claims to have.
bool touch(const Tensor& tensor) {
  unsigned sum = 0;
  const auto* bytes = static_cast<const unsigned char*>(tensor.raw());
  for (int64_t i = 0; i < tensor.bytes(); ++i) sum += bytes[i];
  return sum > 0;
}

bool read_torch_whole(const fs::path& path) {
  const auto file = read_torch_file(path);
  if (!file.ok()) return false;
  for (const auto& [name, tensor] : file.value().tensors) (void)touch(tensor);
  return true;
}

bool read_safetensors_whole(const fs::path& path) {
  const auto file = read_safetensors(path);
  if (!file.ok()) return false;
  for (const auto& [name, tensor] : file.value().tensors) (void)touch(tensor);
  return true;
}

bool read_pickle(const fs::path& path) {
  const auto bytes = read_file(path);
  return bytes.ok() && Pickle::parse(bytes.value(), "x").ok();
}

std::string damaged(const std::string& whole, uint64_t variant, size_t header) {
  Rng rng(19, "readers_fuzz", variant);
  std::string bytes = whole;
  for (uint64_t change = 0; change < 1 + variant % 4; ++change) {
    const uint64_t at = rng.below(bytes.size() < header ? bytes.size() : header);
    const uint64_t odd[] = {0, 1, 0x7F, 0xFF, 0x7FFFFFFF, 0xFFFFFFFF, uint64_t{1} << 62, ~uint64_t{0}, rng.next_u64()};
    const uint64_t value = odd[rng.below(9)];
    const auto width = std::min<size_t>(size_t{1} << rng.below(4), bytes.size() - at);
    switch (rng.below(5)) {
      case 0: bytes[at] = static_cast<char>(bytes[at] ^ (1 << rng.below(8))); break;
      case 1:
      case 2: bytes.replace(at, width, reinterpret_cast<const char*>(&value), width); break;
      case 3: bytes.insert(at, reinterpret_cast<const char*>(&value), width); break;
      default: bytes.erase(at, width); break;
    }
    if (bytes.empty()) bytes = "x";
  }
  return bytes;
}

struct Outcome {
  int64_t read = 0, refused = 0;
};

// Cut at every byte of the header, then changed in 1,000 ways (10,000 with LATHE_LONG=1).
Outcome hurt(const std::string& whole, size_t header, ReadFile read) {
  const auto variants = static_cast<uint64_t>(fuzz_rounds(1000));
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "x";
  Outcome out;
  const auto one = [&](const std::string& bytes) {
    put_file(path, bytes);
    const int64_t before = asked;
    const bool ok = read(path);
    EXPECT_LE(asked - before, kFixed + kTimes * static_cast<int64_t>(bytes.size()));
    ++(ok ? out.read : out.refused);
  };
  const auto begin = std::chrono::steady_clock::now();
  one(whole);
  EXPECT_EQ(out.read, 1);
  const size_t step = std::max<size_t>(1, header / 1000);
  for (size_t size = 0; size < header; size += step) one(whole.substr(0, size));
  EXPECT_EQ(out.read, 1);
  for (uint64_t variant = 0; variant < variants; ++variant) one(damaged(whole, variant, header));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(600));
  return out;
}

std::string gguf_sample() {
  const TemporaryFolder folder;
  const auto values = [](int64_t begin, std::span<float> out) {
    for (size_t i = 0; i < out.size(); ++i) out[i] = static_cast<float>((begin + static_cast<int64_t>(i)) % 17) - 8;
  };
  take(write_gguf(folder.path() / "a",
                  {{"general.architecture", GgufValue::of_text("llama")},
                   {"n", GgufValue::of_uint32(7)},
                   {"x", GgufValue::of_float32(2)},
                   {"yes", GgufValue::of_bool(true)},
                   {"tokens", GgufValue::of_texts({"a", "bc", "", "def"})},
                   {"scores", GgufValue::of_floats({1, 2, 3})},
                   {"types", GgufValue::of_ints({1, 2, 3})}},
                  {{"a.weight", {256, 2}, BlockType::kQ4_K, values, nullptr},
                   {"b.weight", {32}, BlockType::kF32, values, nullptr},
                   {"c.weight", {32, 2}, BlockType::kQ8_0, values, nullptr}}));
  return take(read_file(folder.path() / "a"));
}

TEST(ReadersFuzz, Gguf) {
  const std::string whole = gguf_sample();
  const size_t header = whole.size() - 2 * 144 - 128 - 96;
  const Outcome outcome = hurt(whole, header, read_gguf_whole);
  EXPECT_GT(outcome.read, 1);
  EXPECT_GT(outcome.refused, 500);
}

TEST(ReadersFuzz, TorchFiles) {
  const std::string whole = take(read_file(fs::path(LATHE_SOURCE_DIR) / "tests/golden/torch/odd.pt"));
  const Outcome outcome = hurt(whole, whole.size(), read_torch_whole);
  EXPECT_GT(outcome.read, 1);
  EXPECT_GT(outcome.refused, 500);
}

TEST(ReadersFuzz, Pickles) {
  const std::string zip = take(read_file(fs::path(LATHE_SOURCE_DIR) / "tests/golden/torch/odd.pt"));
  const size_t begin = zip.find("\x80\x02"), end = zip.find("stepsq", begin);
  ASSERT_NE(begin, std::string::npos);
  ASSERT_NE(end, std::string::npos);
  const std::string whole = zip.substr(begin, zip.find("u.", end) + 2 - begin);
  const Outcome outcome = hurt(whole, whole.size(), read_pickle);
  EXPECT_GT(outcome.read, 1);
  EXPECT_GT(outcome.refused, 500);
}

TEST(ReadersFuzz, Safetensors) {
  const TemporaryFolder folder;
  check(write_safetensors(folder.path() / "a", {{"a", Tensor::zeros({3, 5}, DType::kFloat32)}, {"b", Tensor::zeros({7}, DType::kBFloat16)}}, {{"k", "v"}}));
  const std::string whole = take(read_file(folder.path() / "a"));
  const Outcome outcome = hurt(whole, whole.size() - 3 * 5 * 4 - 14, read_safetensors_whole);
  EXPECT_GT(outcome.read, 1);
  EXPECT_GT(outcome.refused, 500);
}

// A few bytes of a pickle must not stand for many: names are copied each time.
TEST(ReadersFuzz, LongNamesInAPickleAreNotMultiplied) {
  std::string bytes = "\x80\x04";
  bytes += 'X';
  const uint32_t length = 100000;
  bytes.append(reinterpret_cast<const char*>(&length), 4);
  bytes += std::string(length, 'n') + "q" + std::string(1, '\0');
  for (int i = 0; i < 20000; ++i) bytes += std::string("h\0h\0\x93", 5);
  const int64_t before = asked;
  EXPECT_FALSE(Pickle::parse(bytes, "x").ok());
  EXPECT_LT(asked - before, kFixed + kTimes * static_cast<int64_t>(bytes.size()));
}

}  // namespace
}  // namespace lathe::testing
