// Rows L-4.11 to L-4.15, L-3.23, L-5.30: shards and folders that are not what they say are refused, with name and
// offset.
#include "data/packed_folder.h"

#include <cstring>

#include "packing.h"

namespace lathe::data {
namespace {

using namespace testing;

class PackedFolderTest : public ::testing::Test {
 protected:
  PackedFolderTest() : packed_(pack_texts(some_texts(3000), folder())) {}
  fs::path folder() const { return folder_.path() / "set"; }
  std::string error() const {
    const Result<PackedFolder> result = PackedFolder::open(folder());
    return result.ok() ? "no error" : result.error().to_string();
  }
  std::string shard_error() const {
    const Result<PackedFile> result = PackedFile::open(folder() / "train.bin");
    return result.ok() ? "no error" : result.error().to_string();
  }
  bool says(const std::string& text, std::initializer_list<const char*> parts) const {
    for (const char* part : parts)
      if (text.find(part) == std::string::npos) return false;
    return true;
  }
  template <class T>
  void put(int64_t offset, T value) {
    std::string bytes = take(read_file(folder() / "train.idx"));
    std::memcpy(bytes.data() + offset, &value, sizeof(T));
    check(write_file_atomic(folder() / "train.idx", bytes));
  }

  TemporaryFolder folder_;
  Packed packed_;
};

// L-4.13
TEST_F(PackedFolderTest, TheIndexHasTheDocumentedBytes) {
  const std::string idx = take(read_file(folder() / "train.idx"));
  const PackedHeader& header = packed_.folder.split(Split::kTrain)->shards()[0].header();
  EXPECT_EQ(idx.substr(0, 8), std::string("LATHEPK\x01"));
  const auto number = [&](size_t offset, size_t bytes) {
    uint64_t value = 0;
    std::memcpy(&value, idx.data() + offset, bytes);
    return static_cast<int64_t>(value);
  };
  EXPECT_EQ(number(8, 4), 2);
  EXPECT_EQ(number(12, 4), 16);
  EXPECT_EQ(number(16, 8), header.sequences);
  EXPECT_EQ(number(24, 8), header.sequences * 16 + 1);
  EXPECT_EQ(to_hex(take(parse_tokenizer_hash(byte_tokenizer().hash()))), byte_tokenizer().hash());
  EXPECT_EQ(std::memcmp(idx.data() + 32, header.tokenizer.data(), 32), 0);
  EXPECT_EQ(number(64, 8), 0) << "the first document starts at the first token";
  EXPECT_EQ(static_cast<int64_t>(idx.size()), 64 + 8 * packed_.folder.split(Split::kTrain)->shards()[0].documents());
}

// L-4.13, trap S9
TEST_F(PackedFolderTest, TrapS9HostileSizesAreRefusedWithoutOverflow) {
  const auto refused_at = [&](int64_t offset, auto value, const char* where) {
    const std::string before = take(read_file(folder() / "train.idx"));
    put(offset, value);
    const std::string text = shard_error();
    check(write_file_atomic(folder() / "train.idx", before));
    return says(text, {where}) ? std::string() : text;
  };
  EXPECT_EQ(refused_at(0, 'X', "train.idx at byte 0"), "");
  EXPECT_EQ(refused_at(8, uint32_t{3}, "train.idx at byte 8"), "");
  EXPECT_EQ(refused_at(12, uint32_t{0}, "train.idx at byte 12"), "");
  EXPECT_EQ(refused_at(16, uint64_t{1} << 60, "train.idx at byte 16"), "") << "2^60 * 16 overflows";
  EXPECT_EQ(refused_at(16, UINT64_MAX, "train.idx at byte 16"), "");
  EXPECT_EQ(refused_at(16, uint64_t{0}, "train.idx at byte 16"), "");
  EXPECT_EQ(refused_at(24, UINT64_MAX, "train.idx at byte 24"), "");
  EXPECT_EQ(refused_at(64, UINT64_MAX, "train.idx at byte 64"), "");
  EXPECT_EQ(refused_at(72, uint64_t{0}, "train.idx at byte 72"), "") << "starts must ascend";
  // Counts that agree with each other but not with the file.
  put(16, uint64_t{1} << 40);
  put(24, (uint64_t{1} << 44) + 1);
  EXPECT_TRUE(says(shard_error(), {"train.bin at byte", "is cut short"})) << shard_error();
}

TEST_F(PackedFolderTest, EveryTruncationOfAShardIsRefused) {
  const std::string idx = take(read_file(folder() / "train.idx"));
  for (const size_t bytes : {size_t{0}, size_t{7}, size_t{63}, idx.size() - 1}) {
    cut_to(folder() / "train.idx", bytes);
    EXPECT_TRUE(says(shard_error(), {"train.idx", "cut short"})) << bytes << ": " << shard_error();
    check(write_file_atomic(folder() / "train.idx", idx));
  }
  const auto size = fs::file_size(folder() / "train.bin");
  cut_to(folder() / "train.bin", size - 2);
  EXPECT_TRUE(says(shard_error(), {"train.bin at byte", "is cut short"}));
  cut_to(folder() / "train.bin", size + 2);
  EXPECT_TRUE(says(shard_error(), {"train.bin at byte", "is too long"}));
}

// L-1.12
TEST_F(PackedFolderTest, AChangedByteIsRefusedWithItsShardAndBlock) {
  ASSERT_GT(fs::file_size(folder() / "train.bin"), 3u * 4096);
  change_byte(folder() / "train.bin", 8200);
  EXPECT_TRUE(says(error(), {"train.bin at byte 8192", "was changed", "lathe pack --force"})) << error();
  change_byte(folder() / "train.bin", 8200, -1);
  EXPECT_EQ(error(), "no error");
  change_byte(folder() / "val.idx", 70);
  EXPECT_TRUE(says(error(), {"val.idx at byte 0", "was changed"})) << error();
}

TEST_F(PackedFolderTest, AShardCutShortIsRefusedWithTheByteWhereItEnds) {
  cut_to(folder() / "train.bin", 5000);
  EXPECT_TRUE(says(error(), {"train.bin at byte 5000", "has 5000 bytes", "lathe pack --force"})) << error();
  fs::remove(folder() / "train.bin");
  EXPECT_TRUE(says(error(), {"train.bin", "absent"})) << error();
}

// Hashes that were made to fit do not help.
class Reworked : public PackedFolderTest {
 protected:
  void rework() {
    Manifest manifest = packed_.folder.manifest();
    for (FileRecord& record : manifest.outputs) record = take(record_file(folder() / record.path, record.path));
    check(write_manifest(folder(), manifest));
    fs::remove(folder() / kFinalManifestFile);
  }
};

// L-3.23, trap T1
TEST_F(Reworked, TrapT1AShardOfAnotherTokenizerWithTheSameVocabularySizeIsRefused) {
  put(32, uint8_t{0xab});
  rework();
  EXPECT_TRUE(says(error(), {"train.idx at byte 32", "another tokenizer"})) << error();
}

TEST_F(Reworked, AShardOfAnotherFormatVersionIsRefused) {
  put(7, uint8_t{2});
  rework();
  EXPECT_TRUE(says(error(), {"train.idx at byte 7", "version 2", "version 1"})) << error();
}

TEST_F(Reworked, AShardOfAnotherSequenceLengthIsRefused) {
  const int64_t sequences = packed_.folder.split(Split::kTrain)->size();
  if (sequences % 2 != 0) GTEST_FAIL() << "the sample must have an even number of sequences";
  put(12, uint32_t{32});
  put(16, static_cast<uint64_t>(sequences / 2));
  rework();
  EXPECT_TRUE(says(error(), {"train.idx at byte 12", "sequences of 32"})) << error();
}

// L-4.14, L-4.15
TEST_F(PackedFolderTest, TheManifestStandsUnderBothNamesWithEverythingThatMadeIt) {
  const std::string bytes = take(read_file(folder() / "manifest.json"));
  EXPECT_EQ(bytes, take(read_file(folder() / "final_manifest.json")));
  const Json json = take(parse_json(bytes));
  EXPECT_EQ(json.at("kind").as_string(), "packed");
  EXPECT_EQ(json.at("tokenizer_config_hash").as_string(), byte_tokenizer().hash());
  EXPECT_EQ(json.at("vocab_size").as_int(), 257);
  EXPECT_EQ(json.at("token_bytes").as_int(), 2);
  EXPECT_EQ(json.at("sequence_length").as_int(), 16);
  EXPECT_EQ(json.at("seed").as_int(), 42);
  EXPECT_EQ(json.at("splits").at("val").at("sequences").as_int(), packed_.report.validation.sequences);
  EXPECT_EQ(json.at("splits").at("train").at("tokens").as_int(), packed_.report.train.encoded);
  EXPECT_EQ(json.at("packing").at("packing_strategy").as_string(), "greedy");
  EXPECT_EQ(json.at("outputs").size(), 4u);
}

// L-4.14
TEST_F(PackedFolderTest, EitherNameAndEitherKeyServesAndTwoThatDisagreeAreRefused) {
  const std::string both = take(read_file(folder() / "manifest.json"));
  const auto with = [&](const char* drop, const char* change) {
    Json json = take(parse_json(both));
    std::erase_if(json.as_object(), [&](const Json::Member& m) { return m.first == drop; });
    if (*change != 0) json[change] = std::string(64, '0');
    for (const char* name : {"manifest.json", "final_manifest.json"})
      check(write_file_atomic(folder() / name, json.dump(2)));
    return error();
  };
  EXPECT_EQ(with("tokenizer_sha256", ""), "no error");
  EXPECT_EQ(with("tokenizer_config_hash", ""), "no error");
  EXPECT_TRUE(says(with("", "tokenizer_sha256"), {"two tokenizers"}));
  check(write_file_atomic(folder() / "manifest.json", both));
  EXPECT_TRUE(says(error(), {"final_manifest.json", "differs from manifest.json"})) << error();
  fs::remove(folder() / "final_manifest.json");
  EXPECT_EQ(error(), "no error");
  fs::rename(folder() / "manifest.json", folder() / "final_manifest.json");
  EXPECT_EQ(error(), "no error");
  fs::remove(folder() / "final_manifest.json");
  EXPECT_TRUE(says(error(), {"no such manifest", "lathe pack"})) << error();
  EXPECT_FALSE(is_packed_folder(folder()));
}

// L-5.30
TEST_F(PackedFolderTest, DataSetsOfTwoTokenizersAreRefusedTogether) {
  const tokenizer::Tokenizer other = byte_tokenizer({"<|end_of_text|>"});
  ASSERT_EQ(other.vocab_size(), byte_tokenizer().vocab_size());
  const Packed second = pack_texts(some_texts(300), folder_.path() / "second", small_settings(), other);
  EXPECT_TRUE(check_same_tokenizer({packed_.folder}, byte_tokenizer().hash(), "tok").ok());
  const Status status = check_same_tokenizer({packed_.folder, second.folder}, byte_tokenizer().hash(), "tok");
  ASSERT_FALSE(status.ok());
  EXPECT_TRUE(says(status.error().message, {"Tokenizer mismatch between datasets", other.hash().c_str(),
                                            byte_tokenizer().hash().c_str(), "lathe pack", "second"}));
}

}  // namespace
}  // namespace lathe::data
