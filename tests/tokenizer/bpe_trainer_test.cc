#include "tokenizer/bpe_trainer.h"

#include <malloc.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "core/machine.h"
#include "core/parallel.h"
#include "core/rng.h"
#include "tests/ref/testing.h"
#include "tokenizer/piece_counter.h"
#include "tokenizer/train_report.h"

namespace lathe::tokenizer {
namespace {

using testing::take;

NextDocuments source_of(std::vector<std::string> documents, size_t per_call = 1000000) {
  return [documents, per_call, at = size_t{0}](std::vector<std::string>& out) mutable -> Status {
    while (at < documents.size() && out.size() < per_call) out.push_back(documents[at++]);
    return {};
  };
}

std::vector<Merge> learn(const std::vector<std::pair<std::string, int64_t>>& weighted, int64_t count,
                         int64_t min_count = 1) {
  WeightedPieces pieces;
  for (const auto& [piece, weight] : weighted) pieces.add(piece, weight);
  MergeRules rules;
  rules.min_count = min_count;
  return take(learn_merges(std::move(pieces), count, rules));
}

// Recounts everything before every merge.
std::vector<Merge> learn_slowly(const std::vector<std::pair<std::string, int64_t>>& weighted, int64_t count) {
  std::vector<std::vector<int32_t>> rows;
  for (const auto& [piece, weight] : weighted) {
    rows.emplace_back();
    for (const char c : piece) rows.back().push_back(static_cast<uint8_t>(c));
  }
  std::vector<Merge> merges;
  while (static_cast<int64_t>(merges.size()) < count) {
    std::map<Merge, int64_t> counts;
    for (size_t r = 0; r < rows.size(); ++r)
      for (size_t i = 0; i + 1 < rows[r].size(); ++i) counts[{rows[r][i], rows[r][i + 1]}] += weighted[r].second;
    Merge best;
    int64_t most = 0;
    for (const auto& [pair, n] : counts)
      if (n > most) best = pair, most = n;
    if (most == 0) break;
    const auto id = static_cast<int32_t>(256 + merges.size());
    merges.push_back(best);
    for (auto& row : rows)
      for (size_t i = 0; i + 1 < row.size(); ++i)
        if (row[i] == best.first && row[i + 1] == best.second) {
          row[i] = id;
          row.erase(row.begin() + static_cast<std::ptrdiff_t>(i) + 1);
        }
  }
  return merges;
}

// C-2.8
TEST(LearnMerges, EqualsTheSlowTrainerOnRandomPieces) {
  Rng rng(3, "merges");
  for (int round = 0; round < 300; ++round) {
    std::map<std::string, int64_t> unique;
    const uint64_t letters = 1 + rng.below(3);
    for (uint64_t i = 1 + rng.below(12); i > 0; --i) {
      std::string piece;
      for (uint64_t n = 1 + rng.below(14); n > 0; --n) piece += static_cast<char>('a' + rng.below(letters));
      unique[piece] = static_cast<int64_t>(1 + rng.below(5));
    }
    const std::vector<std::pair<std::string, int64_t>> pieces(unique.begin(), unique.end());
    ASSERT_EQ(learn(pieces, 40), learn_slowly(pieces, 40)) << "round " << round;
  }
}

// C-2.8
TEST(LearnMerges, CountsOverlappingWindowsAndBreaksTiesBySmallerIds) {
  // (a, a) is seen twice in "aaa": as often as (b, c), and smaller.
  EXPECT_EQ(learn({{"aaa", 1}, {"bc", 2}}, 1), (std::vector<Merge>{{'a', 'a'}}));
  EXPECT_EQ(learn({{"bd", 1}, {"bc", 1}, {"cb", 1}}, 1), (std::vector<Merge>{{'b', 'c'}}));
  EXPECT_EQ(learn({{"ab", 1}}, 10), (std::vector<Merge>{{'a', 'b'}})) << "stops when no pair is left";
  EXPECT_EQ(learn({{"ab", 3}, {"cd", 2}}, 10, 3), (std::vector<Merge>{{'a', 'b'}})) << "stops below min_count";
}

// C-2.8
TEST(TrapT2, CountsAbove32BitsKeepTheirOrder) {
  const int64_t wraps = (int64_t{1} << 32) + 1;  // 1 in 32 bits
  EXPECT_EQ(learn({{"xy", 1000}, {"th", wraps}}, 2), (std::vector<Merge>{{'t', 'h'}, {'x', 'y'}}));
}

// C-2.1, C-2.7
TEST(TrainBpe, BytesComeFirstAndMergesFollow) {
  TrainSettings settings;
  settings.vocab_size = 256 + 9 + 2;
  const Tokenizer tokenizer = take(train_bpe(settings, source_of({"abab abab"}))).tokenizer;
  for (int32_t id = 0; id < 256; ++id) EXPECT_EQ(tokenizer.token_bytes_of(id), std::string(1, static_cast<char>(id)));
  EXPECT_EQ(tokenizer.token_bytes_of(256), "ab");
  EXPECT_EQ(tokenizer.token_bytes_of(257), "abab");
}

// C-2.1: text is not normalised and no merge crosses a piece.
TEST(TrainBpe, NoMergeCrossesAPiece) {
  TrainSettings settings;
  settings.vocab_size = 400;
  const Tokenizer tokenizer =
      take(train_bpe(settings, source_of({"e\u0301. e\u0301. e\u0301. 12 12 12 345345"}))).tokenizer;
  for (int32_t id = 256; id < tokenizer.vocab_size() - 9; ++id) {
    const std::string token(tokenizer.token_bytes_of(id));
    const auto digits = std::count_if(token.begin(), token.end(), [](char c) { return c >= '0' && c <= '9'; });
    EXPECT_TRUE(digits == 0 || (digits <= 2 && digits == static_cast<int64_t>(token.size()))) << token;
    EXPECT_EQ(token.find("e\xCC"), std::string::npos) << "a mark is a sign, not part of the word";
  }
  EXPECT_GT(tokenizer.vocab_size(), 256 + 9 + 4);
  EXPECT_EQ(tokenizer.decode(tokenizer.encode("e\u0301 \u00E9")), "e\u0301 \u00E9");
}

// C-2.5: ids of special tokens move down when training runs out of pairs.
TEST(TrainBpe, SpecialIdsFollowTheRanks) {
  TrainSettings settings;
  settings.vocab_size = 1000;
  const TrainResult result = take(train_bpe(settings, source_of({"aaaa"})));
  EXPECT_EQ(result.report.merges, 2);
  EXPECT_EQ(result.tokenizer.vocab_size(), 256 + 2 + 9);
  EXPECT_EQ(result.tokenizer.bos_id(), 258);
  EXPECT_EQ(result.tokenizer.special_id(kOutputEnd), 266);
}

// C-2.6
TEST(TrainBpe, RefusesAVocabularyWithoutRoomForTheBytes) {
  TrainSettings settings;
  EXPECT_EQ(settings.vocab_size, 32768);
  settings.vocab_size = 264;
  const auto result = train_bpe(settings, source_of({"text"}));
  ASSERT_FALSE(result.ok());
  EXPECT_NE(result.error().message.find("at least 265"), std::string::npos);
  settings.vocab_size = 265;
  EXPECT_EQ(take(train_bpe(settings, source_of({"text"}))).tokenizer.vocab_size(), 265);
}

// C-2.9, C-2.10
TEST(TrainBpe, CutsDocumentsInCharactersAndStopsAfterTheDocumentThatExceedsTheTotal) {
  TrainSettings settings;
  EXPECT_EQ(settings.max_chars, 2'000'000'000);
  EXPECT_EQ(settings.doc_cap, 10'000);
  settings.vocab_size = 300;
  settings.doc_cap = 3;
  settings.max_chars = 6;
  // Three characters of two bytes each; the total 6 does not exceed 6, so the third document is still read.
  for (const size_t per_call : {1u, 2u, 100u}) {
    const auto result = take(train_bpe(settings, source_of({"ééé!!", "ééé??", "zz", "never"}, per_call)));
    EXPECT_EQ(result.report.documents, 3);
    EXPECT_EQ(result.report.characters, 8);
    EXPECT_EQ(result.report.bytes, 14);
    EXPECT_EQ(result.report.distinct_pieces, 2);
  }
}

TEST(TrainBpe, PassesTheSourcesErrorOn) {
  const auto result =
      train_bpe({}, [](std::vector<std::string>&) -> Status { return error_at("a.parquet", 7, "torn"); });
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().path, "a.parquet");
}

std::vector<std::string> random_documents(int count) {
  Rng rng(4, "documents");
  std::vector<std::string> documents;
  for (int i = 0; i < count; ++i) {
    std::string text;
    for (uint64_t words = rng.below(60); words > 0; --words) {
      for (uint64_t n = 1 + rng.below(7); n > 0; --n) text += static_cast<char>('a' + rng.below(5));
      text += rng.chance(0.1) ? ".\n" : " ";
    }
    documents.push_back(text);
  }
  return documents;
}

// C-2.1
TEST(TrainBpe, ThreadsAndBatchesDoNotChangeTheResult) {
  TrainSettings settings;
  settings.vocab_size = 600;
  const int before = num_threads();
  std::string hash;
  for (const int threads : {1, 2, 5}) {
    set_num_threads(threads);
    for (const size_t per_call : {3u, 1000u}) {
      const Tokenizer tokenizer = take(train_bpe(settings, source_of(random_documents(200), per_call))).tokenizer;
      if (hash.empty()) hash = tokenizer.hash();
      EXPECT_EQ(tokenizer.hash(), hash) << threads << " threads, " << per_call << " a call";
    }
  }
  set_num_threads(before);
}

TEST(TrapT4, TrainingDoesNotHoldTheText) {
  TrainSettings settings;
  settings.vocab_size = 400;
  const std::vector<std::string> megabyte(100, std::string(2000, ' ') + "the quick brown fox jumps over the lazy dog");
  int calls = 0;
  size_t early = 0, late = 0;
  const auto next = [&](std::vector<std::string>& out) -> Status {
    const struct mallinfo2 heap = mallinfo2();
    (++calls == 4 ? early : late) = heap.uordblks + heap.hblkhd;
    if (calls < 100) out = megabyte;
    return {};
  };
  EXPECT_EQ(take(train_bpe(settings, next)).report.documents, 9900);
  EXPECT_LT(late, early + 1'000'000) << "20 MB of text went by";
}

TEST(TrapT3, TrainingOnUnsplittableTextIsNotQuadratic) {
  TrainSettings settings;
  settings.vocab_size = 1265;
  settings.doc_cap = 1'000'000;
  std::string text;
  Rng rng(5, "letters");
  while (text.size() < 500'000) text += static_cast<char>('a' + rng.below(26));
  const double start = process_cpu_seconds();
  const TrainResult result = take(train_bpe(settings, source_of({text})));
  EXPECT_EQ(result.report.merges, 1000);
  EXPECT_LT(process_cpu_seconds() - start, 20);
}

// C-2.14
TEST(TrainReport, StatisticsOverNonZeroLengths) {
  std::vector<std::string> tokens = tokens_of_merges({{'a', 'b'}, {256, 'c'}});
  const Tokenizer tokenizer = take(Tokenizer::from_tokens(tokens));
  const TokenBytesStats stats = token_bytes_stats(tokenizer);  // 256 times 1, then 2 and 3; specials do not count
  EXPECT_EQ(stats.min, 1);
  EXPECT_EQ(stats.max, 3);
  EXPECT_NEAR(stats.mean, 261.0 / 258, 1e-12);
  const double mean = 261.0 / 258;
  const double squares = 256 * (1 - mean) * (1 - mean) + (2 - mean) * (2 - mean) + (3 - mean) * (3 - mean);
  EXPECT_NEAR(stats.std, std::sqrt(squares / 257), 1e-12);
  const Json section = training_section({}, {}, tokenizer);
  EXPECT_TRUE(
      section.dump().starts_with(R"({"max_chars": 2000000000, "doc_cap": 10000, "vocab_size": 32768, "train_time": 0)"))
      << section.dump();
  EXPECT_EQ(section.at("num_special_tokens").as_int(), 9);
  EXPECT_EQ(section.as_object().back().first, "token_bytes_std");
}

// C-2.36
TEST(TrainReport, LinesForTheTerminal) {
  EXPECT_EQ(settings_lines({}),
            (std::vector<std::string>{"max_chars: 2,000,000,000", "doc_cap: 10,000", "vocab_size: 32,768"}));
  TrainReport report;
  report.count_seconds = 1.25;
  report.merge_seconds = 0.5;
  EXPECT_EQ(time_line(report), "Training time: 1.75s");
}

// C-2.11
TEST(TrainReport, RoundTripOfTheSample) {
  const std::string& sample = round_trip_sample();
  EXPECT_EQ(std::count(sample.begin(), sample.end(), '\n'), 4);
  EXPECT_TRUE(check_round_trip(take(Tokenizer::from_tokens(tokens_of_merges({})))).ok());
  // A model that loses a byte is caught.
  class Lossy : public TokenModel {
    int64_t size() const override { return 1; }
    std::string_view token(int32_t) const override { return "x"; }
    void encode(std::span<const std::string_view> texts, std::span<std::vector<int32_t>> ids) const override {
      for (size_t i = 0; i < texts.size(); ++i) ids[i].resize(texts[i].size(), 0);
    }
    Json to_json() const override { return Json::object(); }
    std::string canonical_bytes() const override { return "lossy"; }
  };
  const Status status = check_round_trip(take(Tokenizer::from_model(std::make_shared<Lossy>(), {})));
  ASSERT_FALSE(status.ok());
  EXPECT_NE(status.error().message.find("xxx"), std::string::npos);
}

}  // namespace
}  // namespace lathe::tokenizer
