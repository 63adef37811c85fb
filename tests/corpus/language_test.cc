#include "corpus/language.h"

#include <gtest/gtest.h>

#include "data/document_file.h"
#include "tests/ref/testing.h"

namespace lathe::corpus {
namespace {

using lathe::testing::take;

std::vector<std::string> pieces_of(const fs::path& file, size_t characters) {
  auto reader = take(data::open_document_file(file));
  std::vector<std::string> pieces, group;
  for (int64_t i = 0; take(reader->read_group(i, group)); ++i)
    for (const std::string& text : group)
      for (size_t at = 0; at + characters <= text.size(); at += characters)
        pieces.push_back(text.substr(at, characters));
  return pieces;
}

double share_above(const std::vector<std::string>& texts, double threshold) {
  int64_t above = 0;
  for (const std::string& text : texts) above += english_probability(text) >= threshold;
  return static_cast<double>(above) / static_cast<double>(texts.size());
}

// L-2.15
TEST(Language, TellsEnglishFromItsNeighbours) {
  EXPECT_GT(
      english_probability(
          "The library opens at nine in the morning, and most of the readers are there before the doors are unlocked."),
      0.9);
  EXPECT_GT(english_probability("He said that she would not have gone there if it had rained; but it did not rain."),
            0.9);
  for (const std::string text :
       {"Die Bibliothek \u00F6ffnet um neun Uhr morgens, und die meisten Leser sind schon vor der T\u00FCr.",
        "De bibliotheek gaat om negen uur open en de meeste lezers staan dan al voor de deur te wachten.",
        "La biblioth\u00E8que ouvre \u00E0 neuf heures et la plupart des lecteurs sont l\u00E0 avant l\u2019ouverture.",
        "La biblioteca abre a las nueve de la ma\u00F1ana y la mayor\u00EDa de los lectores ya est\u00E1n en la "
        "puerta.",
        "Biblioteket \u00E5bner klokken ni om morgenen, og de fleste l\u00E6sere er der, f\u00F8r d\u00F8rene bliver "
        "l\u00E5st op.",
        "\u56FE\u4E66\u9986\u65E9\u4E0A\u4E5D\u70B9\u5F00\u95E8\uFF0C\u5927\u591A\u6570\u8BFB\u8005\u5728\u5F00\u95E8"
        "\u4E4B\u524D\u5C31\u5230\u4E86\u3002"})
    EXPECT_LT(english_probability(text), 0.5) << text;
}

// L-2.15
TEST(Language, TextWithoutLettersIsNotEnglish) {
  for (const std::string text : {"", "12 34 56", "!?", " \n", "\u2019\u2019", "\xE2", "\xE2\x80"})
    EXPECT_LT(english_probability(text), 0.7);
  EXPECT_EQ(english_probability("3.1415"), 0);
}

// L-2.15
TEST(Language, LongTextsAreReadInPiecesAllOverThem) {
  std::string english, german;
  while (english.size() < 20000) english += "There was nothing left for them to do but to wait until the evening. ";
  while (german.size() < 200000)
    german += "Die Bibliothek \u00F6ffnet um neun Uhr morgens, und die meisten Leser sind schon vor der T\u00FCr. ";
  EXPECT_GT(english_probability(english), 0.9);
  EXPECT_LT(english_probability(german), 0.1);
  EXPECT_LT(english_probability(english + german), 0.7);
  EXPECT_LT(english_probability(german + english), 0.7);
}

// L-2.15
TEST(Language, KeepsRealEnglishAndRemovesRealOtherLanguages) {
  const fs::path text = lathe::testing::real_data("text"), other = lathe::testing::real_data("multilingual");
  LATHE_NEEDS(text / "tinystories_sample.txt.zst");
  LATHE_NEEDS(other / "udhr2.jsonl.zst");
  for (const char* unseen : {"tinystories_sample.txt.zst", "tinyshakespeare.txt.zst", "wiki_demo.txt.zst"})
    EXPECT_GT(share_above(pieces_of(text / unseen, 500), 0.7), 0.97) << unseen;
  EXPECT_LT(share_above(pieces_of(other / "udhr2.jsonl.zst", 500), 0.7), 0.02);
}

// L-2.15
TEST(Language, TheModelHasAHashAndTheFilterItsKeys) {
  EXPECT_EQ(language_model_sha256().size(), 64u);
  LanguageSettings settings;
  SettingsTable table;
  describe(table, settings);
  EXPECT_EQ(settings.min_english, 0.70);
  lathe::testing::check(table.set_text("require-english", {"true"}));
  EXPECT_TRUE(settings.require_english);
}

}  // namespace
}  // namespace lathe::corpus
