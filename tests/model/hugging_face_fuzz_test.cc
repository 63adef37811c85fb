// Damaged Hugging Face folders: an error with the file's name, or a model that runs; never a crash, never memory that the
// files do not stand for.
#include <gtest/gtest.h>

#include <cstring>

#include "core/rng.h"
#include "tests/ref/small_hugging_face.h"

namespace lathe::testing {
namespace {

struct Tally {
  int refused = 0, loaded = 0;
};

void try_folder(const fs::path& folder, Tally& tally) {
  auto result = model::load_hugging_face(folder, DType::kFloat32);
  if (!result.ok()) {
    EXPECT_NE(result.error().to_string().find(folder.string()), std::string::npos) << result.error().to_string();
    ++tally.refused;
    return;
  }
  if (result.value()->config().vocab_size >= 27 && result.value()->config().table_length() >= 4) some_logits(*result.value(), 4);
  ++tally.loaded;
}

std::string damaged(const std::string& whole, Rng& rng, int kind) {
  std::string bytes = whole;
  const size_t at = rng.below(bytes.size());
  switch (kind % 6) {
    case 0: bytes[at] = static_cast<char>(bytes[at] ^ (1 << rng.below(8))); break;
    case 1: bytes.resize(at); break;
    case 2:
      for (size_t k = at; k < std::min(bytes.size(), at + rng.below(24)); ++k) bytes[k] = static_cast<char>(rng.below(256));
      break;
    case 3: bytes.insert(at, bytes.substr(rng.below(bytes.size()), rng.below(40))); break;
    case 4:  // another digit
      for (size_t k = at; k < bytes.size(); ++k)
        if (bytes[k] >= '0' && bytes[k] <= '9') {
          bytes[k] = static_cast<char>('0' + rng.below(10));
          break;
        }
      break;
    default: {  // a number with extreme company
      constexpr const char* kNumbers[] = {"-1", "0", "2147483648", "9223372036854775807", "1e308", "4294967296", "1048576", "null", "[]", "{}", "true", "\"x\""};
      size_t k = at;
      while (k < bytes.size() && (bytes[k] < '0' || bytes[k] > '9')) ++k;
      size_t end = k;
      while (end < bytes.size() && ((bytes[end] >= '0' && bytes[end] <= '9') || bytes[end] == '.' || bytes[end] == 'e')) ++end;
      bytes.replace(k, end - k, kNumbers[rng.below(std::size(kNumbers))]);
    }
  }
  return bytes;
}

// Every family's config, 150 kinds of damage each (all here: ten times as many with LATHE_LONG=1).
TEST(HuggingFaceFuzz, Configs) {
  Tally tally;
  for (const SmallModel& small : foreign_models()) {
    const TemporaryFolder folder;
    write_foreign(folder.path(), small.config);
    const std::string whole = take(read_file(folder.path() / "config.json"));
    Rng rng(3, small.name);
    const MemoryLimit limit;
    ASSERT_TRUE(limit.set());
    for (int i = 0; i < fuzz_rounds(150); ++i) {
      put_file(folder.path() / "config.json", damaged(whole, rng, i));
      try_folder(folder.path(), tally);
    }
  }
  EXPECT_GT(tally.refused, 600);
  EXPECT_GT(tally.loaded, 100);
}

TEST(HuggingFaceFuzz, HeadersOfWeights) {
  const TemporaryFolder folder;
  write_foreign(folder.path(), model::llama_config(small_plain(32, false)), DType::kFloat16);
  const std::string whole = take(read_file(folder.path() / "model.safetensors"));
  uint64_t header = 0;
  std::memcpy(&header, whole.data(), 8);
  const MemoryLimit limit;
  Tally tally;
  Rng rng(4, "header");
  for (int i = 0; i < fuzz_rounds(1000); ++i) {
    const bool length = i % 20 == 0;
    const std::string head = damaged(whole.substr(length ? 0 : 8, length ? 8 : header), rng, i);
    put_file(folder.path() / "model.safetensors", length ? head + whole.substr(8) : whole.substr(0, 8) + head + whole.substr(8 + header));
    try_folder(folder.path(), tally);
  }
  EXPECT_GT(tally.refused, 600);
}

TEST(HuggingFaceFuzz, Indexes) {
  const TemporaryFolder folder;
  write_foreign(folder.path(), model::llama_config(small_plain(32, false)));
  const SafetensorsFile file = take(read_safetensors(folder.path() / "model.safetensors"));
  Json map = Json::object();
  for (const auto& [name, tensor] : file.tensors) map[name] = "part.safetensors";
  fs::rename(folder.path() / "model.safetensors", folder.path() / "part.safetensors");
  const std::string whole = Json(Json::Object{{"metadata", Json(Json::Object{{"total_size", 1}})}, {"weight_map", map}}).dump();
  const MemoryLimit limit;
  Tally tally;
  Rng rng(5, "index");
  for (int i = 0; i < fuzz_rounds(700); ++i) {
    put_file(folder.path() / "model.safetensors.index.json", damaged(whole, rng, i));
    try_folder(folder.path(), tally);
  }
  EXPECT_GT(tally.refused, 200);
  EXPECT_GT(tally.loaded, 50);
}

// Sizes from a file are multiplied with care and compared with what is there before memory is taken.
TEST(TrapS9, SizesOfAFileAreBoundedBeforeUse) {
  const model::ModelConfig config = model::llama_config(small_plain(32, false));
  const auto refuse = [&](const std::string& key, const Json& value, const std::string& part) {
    const TemporaryFolder folder;
    write_foreign(folder.path(), config);
    Json json = take(read_json(folder.path() / "config.json"));
    json[key] = value;
    put_file(folder.path() / "config.json", json.dump());
    const MemoryLimit limit;
    const auto result = model::load_hugging_face(folder.path(), DType::kFloat32);
    ASSERT_FALSE(result.ok()) << key;
    EXPECT_NE(result.error().to_string().find(part), std::string::npos) << result.error().to_string();
  };
  for (const char* key : {"vocab_size", "hidden_size", "intermediate_size"}) {
    refuse(key, int64_t{1} << 24, "has shape");
    refuse(key, int64_t{1} << 40, key);
    refuse(key, INT64_MAX, key);
  }
  refuse("num_attention_heads", int64_t{1} << 14, "");
  refuse("num_hidden_layers", 512, "tensors");
  refuse("num_hidden_layers", int64_t{1} << 40, "num_hidden_layers");
  const auto header = [&](const std::string& text, uint64_t length, const std::string& part) {
    const TemporaryFolder folder;
    write_foreign(folder.path(), config);
    std::string bytes(8, '\0');
    std::memcpy(bytes.data(), &length, 8);
    put_file(folder.path() / "model.safetensors", bytes + text + std::string(64, '\0'));
    const MemoryLimit limit;
    const auto result = model::load_hugging_face(folder.path(), DType::kFloat32);
    ASSERT_FALSE(result.ok());
    EXPECT_NE(result.error().to_string().find(part), std::string::npos) << result.error().to_string();
  };
  const auto entry = [&](const std::string& shape, const std::string& offsets, const std::string& part) {
    const std::string text = R"({"model.embed_tokens.weight": {"dtype": "F32", "shape": )" + shape + R"(, "data_offsets": )" + offsets + "}}";
    header(text, text.size(), part);
  };
  entry("[4294967296, 4294967296]", "[0, 64]", "overflow");
  entry("[9223372036854775807]", "[0, 64]", "overflow");
  entry("[1073741824, 4]", "[0, 17179869184]", "truncated");
  entry("[16]", "[18446744073709551552, 64]", "offsets");
  entry("[16]", "[64, 0]", "truncated");
  entry("[-4, -4]", "[0, 64]", "dimension");
  header("{}", uint64_t{1} << 63, "header length");
  header("{}", UINT64_MAX, "header length");
}

}  // namespace
}  // namespace lathe::testing
