// The encoder against the published rule written out plainly: all 256 bytes are tokens; of the adjacent parts whose
// joined bytes are a token, those with the lowest id are joined, leftmost first.
#include "tokenizer/bpe_encode.h"

#include <map>

#include "core/rng.h"
#include "tests/ref/testing.h"
#include "tokenizer/bpe_model.h"
#include "tokenizer/piece_cache.h"
#include "tokenizer/tokenizer.h"

namespace lathe::tokenizer {
namespace {

using Ids = std::vector<int32_t>;

Ids by_the_rule(const std::map<std::string, int32_t>& tokens, const std::string& piece, bool whole = true) {
  if (whole && tokens.contains(piece)) return {tokens.at(piece)};
  std::vector<std::string> parts;
  for (const char byte : piece) parts.emplace_back(1, byte);
  while (true) {
    size_t best = parts.size();
    int32_t least = INT32_MAX;
    for (size_t i = 0; i + 1 < parts.size(); ++i)
      if (const auto found = tokens.find(parts[i] + parts[i + 1]); found != tokens.end() && found->second < least) {
        least = found->second;
        best = i;
      }
    if (best == parts.size()) break;
    parts[best] += parts[best + 1];
    parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(best) + 1);
  }
  Ids ids;
  for (const std::string& part : parts) ids.push_back(tokens.at(part));
  return ids;
}

std::string random_word(Rng& rng, std::string_view letters, uint64_t most) {
  std::string word;
  for (uint64_t n = 1 + rng.below(most); n > 0; --n) word += letters[rng.below(letters.size())];
  return word;
}

struct Vocabulary {
  std::vector<std::string> tokens;
  std::map<std::string, int32_t> ids;
};

// Tokens in any order, so that many cannot be reached by merges, or only by merges of higher rank than their own.
Vocabulary random_vocabulary(Rng& rng, std::string_view letters, int count) {
  Vocabulary vocabulary;
  for (int byte = 0; byte < 256; ++byte) vocabulary.tokens.emplace_back(1, static_cast<char>(byte));
  for (int i = 0; i < 256; ++i) vocabulary.ids[vocabulary.tokens[static_cast<size_t>(i)]] = i;
  for (int i = 0; i < count; ++i)
    if (const std::string word = random_word(rng, letters, 6);
        vocabulary.ids.emplace(word, static_cast<int32_t>(vocabulary.tokens.size())).second)
      vocabulary.tokens.push_back(word);
  return vocabulary;
}

// C-2.17, C-2.20
TEST(BpeEncode, EqualsTheRuleOnVocabulariesOfAnyOrder) {
  Rng rng(1, "encode");
  for (int round = 0; round < 300; ++round) {
    const std::string_view letters = round % 3 == 0 ? "ab" : round % 3 == 1 ? "abc" : "abcdef \xC3\xA9";
    const Vocabulary vocabulary = random_vocabulary(rng, letters, 5 + round);
    const BpeEncoder encoder(BpeVocabulary{vocabulary.tokens});
    const BpeEncoder merging(BpeVocabulary{.tokens = vocabulary.tokens, .whole_pieces = false});
    for (int i = 0; i < 60; ++i) {
      const std::string piece = random_word(rng, letters, i < 50 ? 20 : 150);
      Ids ids, merged;
      encoder.encode_piece(piece, ids);
      merging.encode_piece(piece, merged);
      ASSERT_EQ(ids, by_the_rule(vocabulary.ids, piece)) << piece;
      ASSERT_EQ(merged, by_the_rule(vocabulary.ids, piece, false)) << piece;
    }
  }
}

TEST(PairRanks, FindsWhatWasPutInAndNothingElse) {
  Rng rng(2, "pairs");
  for (const uint64_t most : {uint64_t{3}, uint64_t{300}, uint64_t{70000}}) {
    std::map<std::pair<int32_t, int32_t>, uint32_t> expected;
    std::vector<PairRanks::Pair> pairs;
    for (int i = 0; i < 5000; ++i) {
      const auto left = static_cast<int32_t>(rng.below(most)), right = static_cast<int32_t>(rng.below(most));
      pairs.push_back({left, right, i});
      expected.emplace(std::pair(left, right), static_cast<uint32_t>(i));
    }
    const PairRanks ranks(pairs);
    for (const auto& [pair, rank] : expected) ASSERT_EQ(ranks.find(pair.first, pair.second), rank);
    for (int i = 0; i < 20000; ++i) {
      const auto left = static_cast<int32_t>(rng.below(most + 2)), right = static_cast<int32_t>(rng.below(most + 2));
      const auto found = expected.find({left, right});
      ASSERT_EQ(ranks.find(left, right), found == expected.end() ? PairRanks::kNone : found->second);
    }
  }
}

// Words of 1 to 40 bytes, enough of them that the table grows to its last size and words push each other out.
// C-2.17
TEST(PieceCache, NeverChangesTheIds) {
  Rng rng(3, "cache");
  const Vocabulary vocabulary = random_vocabulary(rng, "abcdefghij", 3000);
  const BpeEncoder encoder(BpeVocabulary{vocabulary.tokens});
  const SplitPattern& split = *find_split_name("cl100k");
  std::vector<std::string> words;
  for (int i = 0; i < 300000; ++i) words.push_back(" " + random_word(rng, "abcdefghij", i % 50 == 0 ? 40 : 15));
  PieceCache cache;
  for (int round = 0; round < 6; ++round) {
    std::string text;
    for (int i = 0; i < 150000; ++i)
      text += words[static_cast<size_t>(rng.below(i % 2 == 0 ? 100 : words.size()))];
    if (round == 3) text = text.substr(0, 20);  // shorter than a key
    Ids expected, found = {7};
    for_each_piece(split, text, [&](std::string_view piece) { encoder.encode_piece(piece, expected); });
    cache.encode(encoder, split, text, found);
    ASSERT_EQ(found.front(), 7) << "what stood there stays";
    found.erase(found.begin());
    ASSERT_EQ(found, expected);
  }
}

// C-2.17: shards of a batch, each with its own memory of pieces, give what one thread gives.
TEST(BpeModel, AnyNumberOfThreadsGivesTheSameIds) {
  Rng rng(4, "threads");
  const Vocabulary vocabulary = random_vocabulary(rng, "abcdefghij", 3000);
  std::vector<std::string> texts;
  for (int i = 0; i < 300; ++i) {
    std::string text;
    for (uint64_t n = rng.below(400); n > 0; --n) text += " " + random_word(rng, "abcdefghij'.1\xC3\xA9\x80", 12);
    texts.push_back(std::move(text));
  }
  const Tokenizer one = testing::take(Tokenizer::from_tokens(vocabulary.tokens));
  const auto expected = one.encode_batch(texts, {.num_threads = 1});
  for (size_t i = 0; i < texts.size(); ++i) {
    std::string bytes = one.decode_bytes(expected[i]);
    ASSERT_EQ(bytes, texts[i]);
  }
  for (const int threads : {2, 3, 8}) {
    const Tokenizer many = testing::take(Tokenizer::from_tokens(vocabulary.tokens));
    for (int pass = 0; pass < 2; ++pass) ASSERT_EQ(many.encode_batch(texts, {.num_threads = threads}), expected);
  }
}

}  // namespace
}  // namespace lathe::tokenizer
