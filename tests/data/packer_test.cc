#include "data/packer.h"

#include <algorithm>
#include <set>

#include "packing.h"

namespace lathe::data {
namespace {

using namespace testing;

class PackerTest : public ::testing::Test {
 protected:
  fs::path at(const std::string& name) const { return folder_.path() / name; }
  TemporaryFolder folder_;
};

// L-4.3, L-4.4, L-4.5
TEST_F(PackerTest, GreedyConcatenatesDocumentsAndConservesTokens) {
  const std::vector<std::string> texts = some_texts(300);
  PackSettings settings = small_settings();
  settings.shuffle = false;
  const Packed packed = pack_texts(texts, at("a"), settings);
  std::vector<int32_t> expected[2];
  for (size_t i = 0; i < texts.size(); ++i) {
    std::vector<int32_t>& side =
        expected[is_train_document(join_text("doc-", i), settings.seed, settings.train_val_split) ? 0 : 1];
    for (const char c : texts[i]) side.push_back(c);
    side.push_back(kEnd);
  }
  const SplitCounts* counts[] = {&packed.report.train, &packed.report.validation};
  for (const int s : {0, 1}) {
    const SplitCounts& c = *counts[s];
    EXPECT_EQ(c.encoded, std::ssize(expected[s]));
    EXPECT_EQ(c.sequences, (c.encoded - 1) / 16);
    EXPECT_EQ(c.encoded, 16 * c.sequences + 1 + c.dropped);
    expected[s].resize(static_cast<size_t>(16 * c.sequences + 1));
    EXPECT_EQ(stream_of(*packed.folder.split(s == 0 ? Split::kTrain : Split::kValidation)), expected[s]);
  }
  EXPECT_EQ(packed.folder.manifest().details.at("separators").dump(), R"({"bos_id": null, "eos_id": 256})");
}

// L-4.5
TEST_F(PackerTest, ShardsEndWithTheNextOnesFirstToken) {
  const std::vector<std::string> texts = some_texts(300);
  PackSettings settings = small_settings();
  const Packed one = pack_texts(texts, at("one"), settings);
  settings.shard_size = 7;
  const Packed many = pack_texts(texts, at("many"), settings);
  const auto& shards = many.folder.split(Split::kTrain)->shards();
  ASSERT_GT(shards.size(), 3u);
  EXPECT_EQ(shards[1].path().filename(), "train_00001.bin");
  int64_t documents = 0;
  for (size_t i = 0; i < shards.size(); ++i) {
    documents += shards[i].documents();
    if (i + 1 == shards.size()) break;
    EXPECT_EQ(shards[i].header().tokens, 7 * 16 + 1);
    int32_t last = -1, first = -2;
    shards[i].read(7 * 16, std::span(&last, 1));
    shards[i + 1].read(0, std::span(&first, 1));
    EXPECT_EQ(last, first);
  }
  EXPECT_EQ(stream_of(*many.folder.split(Split::kTrain)), stream_of(*one.folder.split(Split::kTrain)));
  EXPECT_EQ(documents, one.folder.split(Split::kTrain)->shards()[0].documents())
      << "a document is listed in one shard alone";
}

// L-4.6
TEST_F(PackerTest, TheSplitIsOfWholeDocumentsByTheirIds) {
  const std::vector<std::string> texts = some_texts(400);
  const Packed packed = pack_texts(texts, at("a"));
  std::set<std::string> known(texts.begin(), texts.end()), seen;
  for (const Split split : {Split::kTrain, Split::kValidation}) {
    std::vector<std::string> documents = documents_of(stream_of(*packed.folder.split(split)));
    documents.pop_back();  // cut at the end of the last sequence
    for (const std::string& text : documents) {
      EXPECT_TRUE(known.contains(text)) << text;
      EXPECT_TRUE(seen.insert(text).second) << text << " is on both sides";
    }
  }
  EXPECT_NEAR(static_cast<double>(packed.report.train.documents), 320, 40);
  // Other documents in the corpus do not move a document to the other side.
  EXPECT_EQ(is_train_document("doc-7", 42, 0.5), is_train_document("doc-7", 42, 0.5));
  int moved = 0;
  for (int i = 0; i < 100; ++i)
    moved += is_train_document(join_text(i), 42, 0.5) != is_train_document(join_text(i), 43, 0.5);
  EXPECT_NEAR(moved, 50, 25) << "the seed decides";
}

// L-4.7
TEST_F(PackerTest, TheShufflePermutesDocumentsAndNeverTheirInside) {
  const std::vector<std::string> texts = some_texts(300);
  PackSettings settings = small_settings();
  settings.train_val_split = 1;
  settings.tail = TailRule::kPad;  // so that no document is cut at the end
  const auto documents = [&](const std::string& name) {
    std::vector<std::string> found =
        documents_of(stream_of(*pack_texts(texts, at(name), settings).folder.split(Split::kTrain)));
    while (!found.empty() && found.back().empty()) found.pop_back();
    return found;
  };
  const std::vector<std::string> shuffled = documents("a");
  EXPECT_NE(shuffled, texts);
  EXPECT_TRUE(std::is_permutation(shuffled.begin(), shuffled.end(), texts.begin(), texts.end()));
  EXPECT_EQ(documents("b"), shuffled);
  settings.seed = 43;
  EXPECT_NE(documents("c"), shuffled);
  settings.shuffle = false;
  EXPECT_EQ(documents("d"), texts);
}

// L-4.9
TEST_F(PackerTest, BytesAreTheSameForAnyNumberOfWorkers) {
  const std::vector<std::string> texts = some_texts(60000, 3, 200);  // several blocks
  for (const PackingStrategy strategy : {PackingStrategy::kGreedy, PackingStrategy::kBestFit}) {
    PackSettings settings = small_settings();
    settings.strategy = strategy;
    settings.sequence_length = 256;
    settings.num_workers = 0;
    pack_texts(texts, at("zero"), settings);
    const auto expected = bytes_of(at("zero"));
    ASSERT_EQ(expected.size(), 6u);
    for (const int64_t workers : {1, 4}) {
      settings.num_workers = workers;
      const std::string name = join_text("w", workers);
      pack_texts(texts, at(name), settings);
      EXPECT_EQ(bytes_of(at(name)), expected) << workers;
    }
  }
}

// L-4.4
TEST_F(PackerTest, ThePaddedTailIsNoTarget) {
  PackSettings settings = small_settings();
  settings.train_val_split = 1;
  settings.tail = TailRule::kPad;
  const Packed packed = pack_texts({"abcdefghijklmnopqrstuvwxyz"}, at("a"), settings);  // 27 tokens
  EXPECT_EQ(packed.report.train.sequences, 2);
  EXPECT_EQ(packed.report.train.padding, 33 - 27);
  EXPECT_EQ(packed.report.train.dropped, 0);
  EXPECT_EQ(packed.folder.split(Split::kTrain)->padding(0), 0);
  EXPECT_EQ(packed.folder.split(Split::kTrain)->padding(1), 6);
  EXPECT_EQ(packed.folder.split(Split::kValidation), nullptr);
}

// L-4.8
TEST_F(PackerTest, DocumentStartsAreKept) {
  for (const PackingStrategy strategy : {PackingStrategy::kGreedy, PackingStrategy::kBestFit}) {
    PackSettings settings = small_settings();
    settings.strategy = strategy;
    settings.shard_size = 5;
    const Packed packed = pack_texts(some_texts(200), at(strategy == PackingStrategy::kGreedy ? "g" : "b"), settings);
    const PackedSet& set = *packed.folder.split(Split::kTrain);
    std::vector<int32_t> ids(17), starts;
    bool after_end = true;
    for (int64_t i = 0; i < set.size(); ++i) {
      set.read(i, ids);
      std::vector<int32_t> expected;
      for (int32_t p = 0; p < 16; ++p) {
        if (after_end) expected.push_back(p);
        after_end = ids[static_cast<size_t>(p)] == kEnd;
      }
      starts.clear();
      set.document_starts(i, starts);
      ASSERT_EQ(starts, expected) << i;
    }
  }
}

TEST_F(PackerTest, BestFitLosesNothingAndCutsFewerDocuments) {
  const std::vector<std::string> texts = some_texts(3000, 9, 120);
  PackSettings settings = small_settings();
  settings.train_val_split = 1;
  settings.sequence_length = 128;
  settings.tail = TailRule::kPad;
  const Packed greedy = pack_texts(texts, at("greedy"), settings);
  settings.strategy = PackingStrategy::kBestFit;
  const Packed best = pack_texts(texts, at("best"), settings);
  std::vector<std::string> found = documents_of(stream_of(*best.folder.split(Split::kTrain)));
  while (!found.empty() && found.back().empty()) found.pop_back();
  EXPECT_TRUE(std::is_permutation(found.begin(), found.end(), texts.begin(), texts.end()));
  EXPECT_EQ(best.report.train.encoded, greedy.report.train.encoded);
  EXPECT_EQ(best.report.train.dropped, 0);
  EXPECT_GT(greedy.report.train.cut_documents, 800);
  EXPECT_LT(best.report.train.cut_documents * 5, greedy.report.train.cut_documents);
}

// L-4.10
TEST_F(PackerTest, TheReportCountsTokensCharactersAndUnknownsPerSource) {
  const tokenizer::Tokenizer tokenizer = byte_tokenizer({"<unk>", "<|endoftext|>"});
  PackSettings settings = small_settings();
  settings.train_val_split = 1;
  const Packed packed =
      pack_texts({"h\u00e9llo h\u00e9llo", "abcdefgh", "xyz", "1234567890"}, at("a"), settings, tokenizer);
  const Json json = packed.report.to_json(40);
  const Json& books = json.at("sources").at("books");
  EXPECT_EQ(books.at("documents").as_int(), 2);
  EXPECT_EQ(books.at("characters").as_int(), 11 + 3);
  EXPECT_EQ(books.at("bytes").as_int(), 13 + 3);
  EXPECT_EQ(books.at("tokens").as_int(), 14 + 4);
  EXPECT_DOUBLE_EQ(books.at("characters_per_token").as_double(), 14.0 / 18);
  EXPECT_EQ(json.at("sources").at("web").at("tokens").as_int(), 9 + 11);
  EXPECT_EQ(json.at("tokens").as_int(), 38);
  EXPECT_EQ(json.at("sequences").as_int(), 2);
  EXPECT_EQ(json.at("dropped_tokens").as_int(), 38 - 33);
  EXPECT_DOUBLE_EQ(json.at("tokens_per_estimate").as_double(), 38.0 / 40);
  EXPECT_EQ(json.at("unknown_share").as_double(), 0);
}

// L-4.12
TEST_F(PackerTest, TokensTakeTwoBytesUpToAVocabularyOf65536) {
  std::vector<std::string> tokens;
  for (int byte = 0; byte < 256; ++byte) tokens.emplace_back(1, static_cast<char>(byte));
  for (int first = 0; first < 256; ++first)
    for (int second = 0; second < 256 && tokens.size() < 65535; ++second)
      tokens.push_back({static_cast<char>(first), static_cast<char>(second)});
  PackSettings settings = small_settings();
  settings.train_val_split = 1;
  const std::vector<std::string> texts = some_texts(10);
  const auto small = take(tokenizer::Tokenizer::from_tokens(tokens, {"<|endoftext|>"}));
  ASSERT_EQ(small.vocab_size(), 65536);
  const Packed two = pack_texts(texts, at("two"), settings, small);
  EXPECT_EQ(two.folder.split(Split::kTrain)->shards()[0].header().token_bytes, 2);
  EXPECT_EQ(static_cast<int64_t>(fs::file_size(at("two") / "train.bin")), 2 * (16 * two.report.train.sequences + 1));
  const auto large = take(tokenizer::Tokenizer::from_tokens(tokens, {"<unk>", "<|endoftext|>"}));
  const Packed four = pack_texts(texts, at("four"), settings, large);
  EXPECT_EQ(four.folder.split(Split::kTrain)->shards()[0].header().token_bytes, 4);
  const std::vector<int32_t> stream = stream_of(*four.folder.split(Split::kTrain));
  EXPECT_NE(std::find(stream.begin(), stream.end(), 65536), stream.end()) << "ids above 65535 survive";
}

// L-4.3
TEST_F(PackerTest, ATokenizerWithOneDelimiterStartsDocumentsWithIt) {
  const tokenizer::Tokenizer chat = byte_tokenizer(tokenizer::chat_special_tokens());
  const Separators ends = take(separators(chat, false));
  EXPECT_EQ(ends.bos, chat.bos_id());
  EXPECT_EQ(ends.eos, std::nullopt);
  const Separators both = take(separators(byte_tokenizer({"<|endoftext|>", "<s>"}), true));
  EXPECT_EQ(both.eos, 256);
  EXPECT_EQ(both.bos, 257);
  EXPECT_FALSE(separators(byte_tokenizer({"<unk>"}), false).ok());
}

TEST_F(PackerTest, BadInputIsAnErrorThatNamesIt) {
  const auto message = [&](const std::string& text, PackSettings settings = small_settings()) {
    check(write_file_atomic(at("c.jsonl"), text));
    const Result<PackReport> report = try_pack(at("c.jsonl"), at("out"), settings, byte_tokenizer());
    return report.ok() ? std::string("no error") : report.error().to_string();
  };
  EXPECT_NE(message("{\"text\": \"a\"}\n{\"text\": \"b\"\n").find("line 2 is not JSON"), std::string::npos);
  EXPECT_NE(message("{\"text\": \"a\"}\n{\"txt\": \"b\"}\n").find("line 2 has neither"), std::string::npos);
  EXPECT_NE(message("{\"text\": 5}\n").find("not a string"), std::string::npos);
  EXPECT_NE(message("[1]\n").find("not a JSON object"), std::string::npos);
  EXPECT_NE(message("{\"text\": \"\xff\"}\n").find("line 1 is not JSON"), std::string::npos);
  EXPECT_NE(message("").find("no document"), std::string::npos);
  EXPECT_NE(message("{\"text\": \"short\"}\n{\"text\": \"b\"}\n").find("less than one sequence"), std::string::npos);
  PackSettings settings = small_settings();
  settings.train_val_split = 0;
  EXPECT_NE(message("{}", settings).find("train_val_split"), std::string::npos);
}

TEST_F(PackerTest, AnyReadableFileIsPacked) {
  check(write_file_atomic(at("in/a.txt.gz"), gzip("one\n<|endoftext|>\ntwo two two two two\n")));
  check(write_file_atomic(at("in/b.jsonl.zst"), zstd("{\"content\": \"three three three\"}\n")));
  RecordReader reader({at("in/a.txt.gz"), at("in/b.jsonl.zst")}, at("in"));
  PackSettings settings = small_settings();
  settings.train_val_split = 1;
  check(make_folders(at("out")));
  const PackReport report = take(pack(reader, byte_tokenizer(), byte_tokenizer().hash(), settings, at("out")));
  EXPECT_EQ(report.train.documents, 3);
  ASSERT_EQ(report.sources.size(), 2u);
  EXPECT_EQ(report.sources[1].source, "b.jsonl.zst");
}

}  // namespace
}  // namespace lathe::data
