#include "corpus/text_statistics.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

#include "core/rng.h"
#include "corpus/text_hash.h"

namespace lathe::corpus {
namespace {

TextStatistics of(std::string_view text) {
  StatisticsScratch scratch;
  return measure(text, scratch);
}

// L-2.18
TEST(TextStatistics, CountsWordsAndCharacters) {
  const TextStatistics s = of("The caf\u00E9,\u00A0#1 ... of 42 \u65E5\u672C!");
  EXPECT_EQ(s.words, 7);  // The caf\u00E9, #1 ... of 42 \u65E5\u672C!
  EXPECT_EQ(s.characters, 26);
  EXPECT_EQ(s.bytes, 32);
  EXPECT_EQ(s.visible_characters, 20);
  EXPECT_EQ(s.alphabetic_characters, 3 + 4 + 2 + 2);
  EXPECT_EQ(s.alphabetic_words, 4);
  EXPECT_EQ(s.longest_word, 5);
  EXPECT_EQ(s.hashes, 1);
  EXPECT_EQ(s.ellipses, 1);
  EXPECT_EQ(s.stop_words, 2);
  EXPECT_EQ(s.distinct_stop_words, 2);
  EXPECT_EQ(of("").words, 0);
  EXPECT_EQ(of(" \n\n ").lines, 0);
  EXPECT_EQ(of("a\nbcd ef\n\ng\n").line_ends, 4);
  EXPECT_EQ(of("a\nbcd ef\n\ng\n").longest_word, 3);
}

// L-2.18
TEST(TextStatistics, StopWordsStandInAnyCaseAndBetweenMarks) {
  const TextStatistics s = of("THE (to) the, \"And\" that's with. Have be of theme bed");
  EXPECT_EQ(s.stop_words, 8);
  EXPECT_EQ(s.distinct_stop_words, 7);
}

// L-2.18
TEST(TextStatistics, LinesAndParagraphs) {
  const TextStatistics s =
      of("- one\n\u2022 two...\n\nA line that is longer than thirty characters.\n\n- one\n  \n\n - one "
         "\u2026\nJavaScript is off!\n");
  EXPECT_EQ(s.lines, 6);
  EXPECT_EQ(s.paragraphs, 4);
  EXPECT_EQ(s.bullet_lines, 4);
  EXPECT_EQ(s.ellipsis_lines, 2);
  EXPECT_EQ(s.terminal_lines, 4);
  EXPECT_EQ(s.short_lines, 5);
  EXPECT_EQ(s.javascript_lines, 1);
  EXPECT_EQ(s.line_repeats.copies, 1);
  EXPECT_EQ(s.line_repeats.characters, 5);
  EXPECT_EQ(s.ellipses, 2);
}

// L-2.18
TEST(TextStatistics, RepeatedParagraphs) {
  const TextStatistics s = of("ab\ncd\n\nx\n\nab\ncd\n\n\n\nab\ncd");
  EXPECT_EQ(s.paragraphs, 4);
  EXPECT_EQ(s.paragraph_repeats.copies, 2);
  EXPECT_EQ(s.paragraph_repeats.characters, 10);
  EXPECT_EQ(s.line_repeats.copies, 4);
  EXPECT_EQ(s.line_repeats.characters, 8);
}

// L-2.18
TEST(TextStatistics, MarksOfBoilerplate) {
  const TextStatistics s = of("var x = {a: {}}; Lorem Ipsum dolor lorem ipsum, lorem dolor ipsum");
  EXPECT_EQ(s.curly_brackets, 4);
  EXPECT_EQ(s.lorem_ipsum, 2);
}

// L-2.18
TEST(TextStatistics, SentencesEndWithMarksAndLines) {
  EXPECT_EQ(of("One. Two? \"Three!\" (four.) five 3.5 six").sentences, 5);
  EXPECT_EQ(of("A heading\n\nA sentence.\n").sentences, 2);
  EXPECT_EQ(of("Oh\u2026 \u201CYes.\u201D").sentences, 2);
}

struct Expected {
  std::array<int64_t, 5> top{};
  std::array<int64_t, 11> copied{};
};

// The definitions of the header, word for word.
Expected slow_ngrams(const std::vector<std::string>& words) {
  Expected expected;
  for (size_t n = 2; n <= 10; ++n) {
    std::map<std::vector<std::string>, int64_t> counts;
    std::set<std::vector<std::string>> seen;
    const auto gram = [&](size_t i) {
      return std::vector<std::string>(words.begin() + static_cast<int64_t>(i),
                                      words.begin() + static_cast<int64_t>(i + n));
    };
    const auto length = [](const std::vector<std::string>& gram) {
      int64_t sum = 0;
      for (const std::string& word : gram) sum += static_cast<int64_t>(word.size());
      return sum;
    };
    for (size_t i = 0; i + n <= words.size(); ++i) ++counts[gram(i)];
    if (n <= 4) {
      int64_t most = 1, longest = 0;
      for (const auto& [key, count] : counts) {
        const int64_t with_blanks = length(key) + static_cast<int64_t>(n) - 1;
        if (count > most) longest = 0;
        if (count >= most && count > 1) longest = std::max(longest, with_blanks), most = count;
      }
      expected.top[n] = most * longest;
    }
    if (n >= 5) {
      for (size_t i = 0; i + n <= words.size();) {
        if (seen.insert(gram(i)).second) {
          ++i;
        } else {
          expected.copied[n] += length(gram(i));
          i += n;
        }
      }
    }
  }
  return expected;
}

// L-2.18
TEST(TextStatistics, NgramsEqualTheirDefinition) {
  StatisticsScratch scratch;
  int64_t top = 0, copied = 0;
  for (uint64_t i = 0; i < 3000; ++i) {
    Rng rng(5, "ngrams", i);
    const uint64_t vocabulary = 1 + rng.below(8), size = rng.below(80);
    std::vector<std::string> words, all = {"a", "bb", "ccc", "dddd", "eeeee", "the", "of", "z"};
    while (words.size() < size) {
      if (words.size() > 10 && rng.below(10) == 0) {  // a stretch again
        const uint64_t from = rng.below(words.size() - 5), length = rng.below(12);
        for (uint64_t k = 0; k < length && from + k < words.size(); ++k) words.push_back(words[from + k]);
      } else {
        words.push_back(all[rng.below(vocabulary)]);
      }
    }
    std::string text;
    for (const std::string& word : words) text += word + (rng.below(9) == 0 ? "\n" : " ");
    const TextStatistics s = measure(text, scratch);
    const Expected expected = slow_ngrams(words);
    ASSERT_EQ(s.top_ngram_characters, expected.top) << text;
    ASSERT_EQ(s.copied_ngram_characters, expected.copied) << text;
    top += expected.top[4];
    copied += expected.copied[10];
  }
  EXPECT_GT(top, 0);
  EXPECT_GT(copied, 0);
}

// L-2.14, L-2.18
TEST(TextStatistics, DoNotDependOnWhatTheScratchSawBefore) {
  StatisticsScratch scratch;
  const std::string text = "to be or not to be that is to be or not to be that is the question\nx\nx";
  const TextStatistics fresh = of(text);
  for (int i = 0; i < 300; ++i) {
    std::string other;
    for (int k = 0; k < i * 7; ++k) other += std::to_string(k % (i + 1)) + (k % 5 ? " " : "\n");
    measure(other, scratch);
    const TextStatistics s = measure(text, scratch);
    ASSERT_EQ(s.copied_ngram_characters, fresh.copied_ngram_characters);
    ASSERT_EQ(s.top_ngram_characters, fresh.top_ngram_characters);
    ASSERT_EQ(s.line_repeats.copies, 1);
  }
}

// L-2.18
TEST(TextHash, TellsShortTextsApart) {
  std::set<uint64_t> hashes;
  std::string text;
  for (int length = 0; length < 40; ++length, text += '\0') hashes.insert(hash_text(text));
  EXPECT_EQ(hashes.size(), 40u);
  const std::string base = "abcdefghijklmnopqrstuvwxyz";
  for (size_t length = 1; length <= base.size(); ++length)
    for (size_t i = 0; i < length; ++i) {
      std::string other = base.substr(0, length);
      other[i] = '#';
      EXPECT_NE(hash_text(other), hash_text(base.substr(0, length)));
    }
}

}  // namespace
}  // namespace lathe::corpus
