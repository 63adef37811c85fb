#include "tokenizer/tokenizer.h"

#include <algorithm>
#include <set>
#include <thread>
#include <utility>

#include "core/machine.h"
#include "core/parallel.h"
#include "core/rng.h"
#include "tests/ref/testing.h"
#include "tokenizer/bpe_encode.h"
#include "tokenizer/bpe_trainer.h"
#include "tokenizer/rank_queue.h"

namespace lathe::tokenizer {
namespace {

using testing::take;
using Ids = std::vector<int32_t>;

Tokenizer trained(int64_t vocab_size = 400) {
  TrainSettings settings;
  settings.vocab_size = vocab_size;
  bool given = false;
  return take(train_bpe(settings,
                        [&](std::vector<std::string>& out) -> Status {
                          if (!std::exchange(given, true))
                            out = {"the cat and the hat and then the other cat", "caté caté 你好 你好 <|bos|> <|bos|>",
                                   "aaaaaaaaaaaaaaaa bab abba"};
                          return {};
                        }))
      .tokenizer;
}

// Joins the pair of lowest id, leftmost first, straight from the rule.
Ids encode_slowly(const std::vector<std::string>& tokens, const std::string& piece) {
  const auto id_of = [&](const std::string& bytes) {
    const auto where = std::find(tokens.begin(), tokens.end(), bytes);
    return where == tokens.end() ? -1 : static_cast<int32_t>(where - tokens.begin());
  };
  if (const int32_t whole = id_of(piece); whole >= 0) return {whole};
  std::vector<std::string> parts;
  for (const char c : piece) parts.emplace_back(1, c);
  while (true) {
    int32_t best = -1;
    size_t where = 0;
    for (size_t i = 0; i + 1 < parts.size(); ++i) {
      const int32_t id = id_of(parts[i] + parts[i + 1]);
      if (id >= 0 && (best < 0 || id < best)) best = id, where = i;
    }
    if (best < 0) break;
    parts[where] += parts[where + 1];
    parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(where) + 1);
  }
  Ids ids;
  for (const std::string& part : parts) ids.push_back(id_of(part));
  return ids;
}

// C-2.17: short pieces and long ones, vocabularies with and without a history of merges.
TEST(BpeEncoder, EqualsTheRuleOnRandomVocabularies) {
  Rng rng(6, "encoder");
  for (uint64_t round = 0; round < 60; ++round) {
    std::vector<std::string> tokens = tokens_of_merges({});
    for (uint64_t n = 1 + rng.below(25); n > 0; --n) {
      std::string token;
      for (uint64_t length = 2 + rng.below(4); length > 0; --length) token += static_cast<char>('a' + rng.below(3));
      if (std::find(tokens.begin(), tokens.end(), token) == tokens.end()) tokens.push_back(token);
    }
    const BpeEncoder encoder(BpeVocabulary{tokens});
    for (const size_t length : {1u, 2u, 3u, 5u, 9u, 63u, 64u, 65u, 66u, 150u}) {
      std::string piece;
      for (size_t i = 0; i < length; ++i) piece += static_cast<char>('a' + rng.below(round % 3 + 1));
      Ids ids;
      encoder.encode_piece(piece, ids);
      ASSERT_EQ(ids, encode_slowly(tokens, piece)) << piece;
    }
  }
}

// C-2.17: a piece that is a token is taken whole even when no merge leads to it.
TEST(BpeEncoder, WholePieceComesFirst) {
  std::vector<std::string> tokens = tokens_of_merges({});
  tokens.push_back("abc");
  const BpeEncoder encoder(BpeVocabulary{tokens});
  Ids ids;
  encoder.encode_piece("abc", ids);
  encoder.encode_piece("abcd", ids);
  EXPECT_EQ(ids, (Ids{256, 'a', 'b', 'c', 'd'}));
}

TEST(TrapT3, UnsplittableTextIsEncodedWithoutQuadraticTime) {
  const Tokenizer tokenizer = trained();
  Rng rng(7, "letters");
  std::string random;
  for (int i = 0; i < 1'000'000; ++i) random += static_cast<char>('a' + rng.below(4));
  const double start = process_cpu_seconds();
  for (const std::string& text : {std::string(1'000'000, 'a'), random, std::string(1'000'000, ' ')}) {
    const Ids ids = tokenizer.encode(text);
    EXPECT_EQ(tokenizer.decode(ids), text);
  }
  EXPECT_LT(process_cpu_seconds() - start, 20);
}

// Counted steps, not seconds: twice the text may cost at most a little more than twice the steps.
TEST(TrapT3, StepsOfMergingGrowWithTheText) {
  std::vector<std::string> tokens = tokens_of_merges({});
  for (std::string run = "aa"; run.size() <= 256; run += run) tokens.push_back(run);
  for (std::string run = "  "; run.size() <= 64; run += run) tokens.push_back(run);
  for (const char* part : {"\xF0\x9F", "\xF0\x9F\x98", "\xF0\x9F\x98\x80"}) tokens.push_back(part);
  for (const char* word : {"ab", "ba", "aba", "abab", "bab"}) tokens.push_back(word);
  const BpeEncoder encoder(BpeVocabulary{tokens});
  for (const char* unit : {"a", " ", "\xF0\x9F\x98\x80", "ab", "aab", "abb"}) {
    int64_t steps[2];
    for (const size_t half : {0u, 1u}) {
      std::string piece;
      while (piece.size() < 100'000 * (half + 1)) piece += unit;
      Ids ids;
      steps[half] = encoder.encode_piece(piece, ids);
      EXPECT_LT(steps[half], 8 * static_cast<int64_t>(piece.size())) << unit;
      std::string joined;
      for (const int32_t id : ids) joined += encoder.token(id);
      EXPECT_EQ(joined, piece);
    }
    EXPECT_GT(steps[0], 50'000) << "the steps must be counted";
    EXPECT_LT(steps[1], steps[0] * 21 / 10) << unit;
  }
}

// Ranks that arrive out of order: the queue still gives the smallest rank, and of that the leftmost position.
TEST(TrapT3, RankQueueEqualsASortedSet) {
  Rng rng(22, "queue");
  for (int round = 0; round < 200; ++round) {
    const auto ranks = static_cast<int64_t>(1 + rng.below(round % 2 ? 5 : 70000));
    RankQueue queue(ranks);
    std::multiset<std::pair<int32_t, uint32_t>> expected;
    for (int step = 0; step < 300; ++step) {
      if (expected.empty() || rng.chance(0.55)) {
        const auto rank = static_cast<int32_t>(rng.below(static_cast<uint64_t>(ranks)));
        const auto position = static_cast<uint32_t>(rng.below(50));
        queue.push(rank, position);
        expected.emplace(rank, position);
      } else {
        const auto [rank, position] = queue.pop();
        ASSERT_EQ(std::pair(rank, position), *expected.begin());
        expected.erase(expected.begin());
      }
      ASSERT_EQ(queue.empty(), expected.empty());
    }
  }
}

TEST(TrapT5, AnyBytesComeBackExactly) {
  const Tokenizer tokenizer = trained();
  Rng rng(8, "bytes");
  for (int round = 0; round < 500; ++round) {
    std::string bytes;
    for (uint64_t n = rng.below(200); n > 0; --n) bytes += static_cast<char>(rng.below(256));
    ASSERT_EQ(tokenizer.decode_bytes(tokenizer.encode(bytes)), bytes);
  }
}

// C-2.4, C-2.5
TEST(Tokenizer, SpecialTokensInTheirOrder) {
  const std::vector<std::string> expected = {
      "<|bos|>",          "<|user_start|>", "<|user_end|>",     "<|assistant_start|>", "<|assistant_end|>",
      "<|python_start|>", "<|python_end|>", "<|output_start|>", "<|output_end|>"};
  EXPECT_EQ(chat_special_tokens(), expected);
  // 32759 ranks as a trainer would make them: the ids are those of the published vocabulary.
  std::vector<std::string> tokens = tokens_of_merges({});
  for (int i = 0; tokens.size() < 32768 - 9; ++i) tokens.push_back("t" + std::to_string(i));
  const Tokenizer tokenizer = take(Tokenizer::from_tokens(tokens));
  EXPECT_EQ(tokenizer.vocab_size(), 32768);
  EXPECT_EQ(tokenizer.bos_id(), 32759);
  EXPECT_EQ(tokenizer.special_id("<|output_end|>"), 32767);
}

// C-2.16
TEST(Tokenizer, NamesOfSpecialTokensInTextArePlainText) {
  const Tokenizer tokenizer = trained();
  for (const std::string& name : chat_special_tokens()) {
    const Ids ids = tokenizer.encode("x " + name + name + "\n");
    for (const int32_t id : ids) EXPECT_FALSE(tokenizer.is_special(id)) << name;
    EXPECT_EQ(tokenizer.decode(ids), "x " + name + name + "\n");
  }
}

// C-2.15
TEST(Tokenizer, PrependAndAppendByIdOrName) {
  const Tokenizer tokenizer = trained();
  const Ids plain = tokenizer.encode("the cat");
  Ids expected = plain;
  expected.insert(expected.begin(), tokenizer.bos_id());
  expected.push_back(65);
  EXPECT_EQ(tokenizer.encode("the cat", {.prepend = "<|bos|>", .append = 65}), expected);
  EXPECT_EQ(tokenizer.encode("the cat", {.prepend = tokenizer.bos_id(), .append = 65}), expected);
  EXPECT_THROW(tokenizer.encode("x", {.prepend = "<|none|>"}), std::invalid_argument);
  EXPECT_THROW(tokenizer.encode("x", {.append = 4000}), std::invalid_argument);
  EXPECT_THROW(tokenizer.encode("x", {.prepend = -1}), std::invalid_argument);
}

// C-2.15: a list equals its texts one by one, for any number of threads; the cache of repeated pieces changes nothing.
TEST(Tokenizer, BatchEqualsSingleTexts) {
  const Tokenizer tokenizer = trained();
  Rng rng(9, "batch");
  std::vector<std::string> texts;
  for (int i = 0; i < 300; ++i) {
    std::string text;
    for (uint64_t words = rng.below(80); words > 0; --words) {
      for (uint64_t n = 1 + rng.below(9); n > 0; --n) text += "abcdeht\xC3\xA9"[rng.below(9)];
      text += ' ';
    }
    texts.push_back(text);
  }
  std::vector<Ids> expected;
  for (const std::string& text : texts) expected.push_back(tokenizer.encode(text, {.prepend = "<|bos|>"}));
  const int before = num_threads();
  for (const int threads : {1, 3, 8}) {
    set_num_threads(threads);
    EXPECT_EQ(tokenizer.encode_batch(texts, {.prepend = "<|bos|>"}), expected);
    EXPECT_EQ(tokenizer.encode_batch(texts, {.prepend = "<|bos|>", .num_threads = 2}), expected);
  }
  set_num_threads(before);
  EXPECT_TRUE(tokenizer.encode_batch(std::vector<std::string>{}).empty());
  EXPECT_EQ(EncodeOptions{}.num_threads, 8);
}

TEST(Tokenizer, OneTokenizerServesManyThreads) {
  const Tokenizer tokenizer = trained();
  const std::string text = std::string(5000, 'a') + " the cat and the hat caté 你好";
  const Ids expected = tokenizer.encode(text);
  std::vector<Ids> found(4);
  std::vector<std::thread> threads;
  for (Ids& ids : found)
    threads.emplace_back([&] {
      for (int i = 0; i < 20; ++i) ids = tokenizer.encode(text);
    });
  for (std::thread& thread : threads) thread.join();
  for (const Ids& ids : found) EXPECT_EQ(ids, expected);
}

// C-2.34
TEST(Tokenizer, EmptyTextGivesNoIds) {
  const Tokenizer tokenizer = trained();
  EXPECT_TRUE(tokenizer.encode("").empty());
  EXPECT_EQ(tokenizer.encode("", {.prepend = "<|bos|>"}), (Ids{tokenizer.bos_id()}));
}

// C-2.18
TEST(Tokenizer, DecodesWithReplacementAndSpecialNames) {
  const Tokenizer tokenizer = take(Tokenizer::from_tokens(tokens_of_merges({})));
  EXPECT_EQ(tokenizer.decode(Ids{'a', 0xE4, 0xBD, 'b'}), "a\uFFFDb");
  EXPECT_EQ(tokenizer.decode(Ids{0x80, 0x80}), "\uFFFD\uFFFD");
  EXPECT_EQ(tokenizer.decode(Ids{0xE4, 0xBD, 0xA0}), "你");
  EXPECT_EQ(tokenizer.decode(Ids{tokenizer.bos_id(), 'x'}), "<|bos|>x");
  EXPECT_EQ(tokenizer.decode_bytes(Ids{0xE4, 0xBD}), "\xE4\xBD");
  EXPECT_THROW(tokenizer.decode(Ids{265}), std::invalid_argument);
  EXPECT_THROW(tokenizer.decode(Ids{-1}), std::invalid_argument);
}

// C-2.19
TEST(Tokenizer, Accessors) {
  const Tokenizer tokenizer = trained();
  EXPECT_EQ(tokenizer.vocab_size(), tokenizer.special_id("<|output_end|>") + 1);
  EXPECT_EQ(tokenizer.special_tokens(), chat_special_tokens());
  EXPECT_EQ(tokenizer.token_bytes_of(tokenizer.bos_id()), "<|bos|>");
  EXPECT_EQ(tokenizer.token_bytes_of('q'), "q");
  EXPECT_EQ(tokenizer.find_special("<|nothing|>"), std::nullopt);
  EXPECT_THROW(tokenizer.special_id("<|nothing|>"), std::invalid_argument);
  EXPECT_THROW(tokenizer.token_bytes_of(static_cast<int32_t>(tokenizer.vocab_size())), std::invalid_argument);
  EXPECT_EQ(tokenizer("the cat"), tokenizer.encode("the cat"));
  EXPECT_TRUE(tokenizer.is_special(tokenizer.bos_id()));
  EXPECT_FALSE(tokenizer.is_special(tokenizer.bos_id() - 1));
}

// C-2.13
TEST(Tokenizer, TokenByteLengthsRawAndReference) {
  std::vector<std::string> tokens = tokens_of_merges({});
  for (const char* token : {"\xE4\xBD", "\x80\x80", "你", "\xA0 a"}) tokens.push_back(token);
  const Tokenizer tokenizer = take(Tokenizer::from_tokens(tokens));
  const Ids raw = tokenizer.token_byte_lengths(TokenBytes::kRaw),
            reference = tokenizer.token_byte_lengths(TokenBytes::kReference);
  EXPECT_EQ(raw, tokenizer.token_byte_lengths()) << "the default is the true length";
  ASSERT_EQ(raw.size(), static_cast<size_t>(tokenizer.vocab_size()));
  EXPECT_EQ((Ids{raw['a'], raw[0x80], raw[256], raw[257], raw[258], raw[259], raw[260]}), (Ids{1, 1, 2, 2, 3, 3, 0}));
  EXPECT_EQ((Ids{reference['a'], reference[0x80], reference[256], reference[257], reference[258], reference[259],
                 reference[260]}),
            (Ids{1, 3, 3, 6, 3, 5, 0}));
}

}  // namespace
}  // namespace lathe::tokenizer
