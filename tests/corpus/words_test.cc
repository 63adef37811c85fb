#include "corpus/words.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace lathe::corpus {
namespace {

std::vector<uint64_t> hashes(std::string_view text) {
  std::vector<uint64_t> found;
  for_each_word(text, [&](const Word& word) { found.push_back(word.hash); });
  return found;
}

std::vector<std::string> words(std::string_view text) {
  std::vector<std::string> found;
  for_each_word(text, [&](const Word& word) { found.emplace_back(text.substr(word.begin, word.end - word.begin)); });
  return found;
}

using Words = std::vector<std::string>;

// L-2.28
TEST(Words, AreRunsOfLettersAndDigits) {
  EXPECT_EQ(words("It's 3.14, isn't it?\n x_y"), (Words{"It", "s", "3", "14", "isn", "t", "it", "x", "y"}));
  EXPECT_EQ(words("a1b2"), Words{"a1b2"});
  EXPECT_EQ(words("na\u00efve \u00dcber\u2014\u6f22\u5b57\u3001\u0663"),
            (Words{"na\u00efve", "\u00dcber", "\u6f22\u5b57", "\u0663"}));
  EXPECT_TRUE(words("").empty());
  EXPECT_TRUE(words(" .,-\u2014\u00ab").empty());
}

TEST(Words, AreHashedLowerCased) {
  EXPECT_EQ(hashes("The CAT"), hashes("the cat"));
  EXPECT_EQ(hashes("\u00dcBER \u0416\u0418\u0417\u041d\u042c"), hashes("\u00fcber \u0436\u0438\u0437\u043d\u044c"));
  EXPECT_NE(hashes("cat"), hashes("cot"));
  EXPECT_NE(hashes("ab c"), hashes("a bc"));
}

// L-2.28: the joins of WikiText make no difference, on either side
TEST(Words, JoinsOfWikiTextAreUndone) {
  EXPECT_EQ(hashes("the state @-@ of @-@ the @-@ art is 1 @,@ 000 or 2 @.@ 5"),
            hashes("the state-of-the-art is 1,000 or 2.5"));
}

// T5
TEST(Words, InvalidBytesSeparateAndNothingIsReadBeyondTheEnd) {
  EXPECT_EQ(words("ab\xff"
                  "cd\xc3"),
            (Words{"ab", "cd"}));
  EXPECT_EQ(words("\xe6\xbc"), Words{});
  EXPECT_EQ(words(std::string_view("a\0b", 3)), (Words{"a", "b"}));
}

// L-2.25: the constants of the format, computed by hand from the published definitions of FNV-1a and SplitMix64
TEST(Words, HashIsTheFixedOneOfTheFormat) {
  uint64_t fnv = 14695981039346656037u;
  for (const char c : std::string("cat7")) fnv = (fnv ^ static_cast<uint64_t>(c)) * 1099511628211u;
  EXPECT_EQ(hashes("Cat7"), std::vector<uint64_t>{mix64(fnv)});
  EXPECT_EQ(mix64(0x9e3779b97f4a7c15), 0xe220a8397b1dcdafu);  // first output of SplitMix64 with seed 0
}

TEST(NgramHash, IsThePolynomialOfTheLastWordsOnly) {
  const std::vector<uint64_t> w = {5, 0xffffffffffffffff, 77, 1ull << 63, 12345, 5, 5, 9};
  NgramHash last(3);
  for (size_t i = 0; i < w.size(); ++i) {
    const bool full = last.push(w[i]);
    ASSERT_EQ(full, i >= 2);
    if (!full) continue;
    ASSERT_EQ(last.hash(), mix64((w[i - 2] * kNgramBase + w[i - 1]) * kNgramBase + w[i])) << i;
  }
  NgramHash one(1);
  EXPECT_TRUE(one.push(42));
  EXPECT_EQ(one.hash(), mix64(42));
  EXPECT_THROW(NgramHash(0), std::invalid_argument);
  EXPECT_THROW(NgramHash(kMaxNgram + 1), std::invalid_argument);
}

}  // namespace
}  // namespace lathe::corpus
