#include "tasks/spelling.h"

#include <set>

#include "tests/ref/testing.h"

namespace lathe::tasks {
namespace {

using testing::check;
using testing::take;
using tokenizer::Part;
using tokenizer::PartType;

WordListPtr list(const std::string& text) {
  const TemporaryFolder folder;
  check(write_file_atomic(folder.path() / "words.txt", text));
  return take(WordList::open(folder.path() / "words.txt"));
}

// C-8.35
TEST(Spelling, WordsAreStrippedAndTheirHashIsKnown) {
  const WordListPtr words = list("tree\r\n  grape \r\nfig");
  EXPECT_EQ(words->words(), (std::vector<std::string>{"tree", "grape", "fig"}));
  EXPECT_EQ(words->sha256(), list("tree\ngrape\nfig\n")->sha256());
  EXPECT_NE(words->sha256(), list("tree\ngrape\nfigs\n")->sha256());
  EXPECT_EQ(words->sha256().size(), 64u);
}

TEST(Spelling, DamagedListsNameTheirLine) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "words.txt";
  const auto missing = WordList::open(path);
  ASSERT_FALSE(missing.ok());
  EXPECT_NE(missing.error().message.find("lathe download words"), std::string::npos);
  for (const char* text : {"a\n\nb\n", "a\n\xff\n"}) {
    check(write_file_atomic(path, text));
    const auto words = WordList::open(path);
    ASSERT_FALSE(words.ok());
    EXPECT_NE(words.error().message.find("line 2"), std::string::npos) << words.error().message;
  }
  check(write_file_atomic(path, ""));
  EXPECT_FALSE(WordList::open(path).ok());
}

// C-8.26
TEST(Spelling, EveryWordingHasOneLetterAndOneWord) {
  const auto& all = spelling_templates();
  EXPECT_EQ(all.size(), 51u);
  EXPECT_EQ(std::set<std::string_view>(all.begin(), all.end()).size(), 51u);
  for (const std::string_view text : all) {
    for (const std::string_view blank : {"{letter}", "{word}"}) {
      EXPECT_NE(text.find(blank), text.npos) << text;
      EXPECT_EQ(text.find(blank), text.rfind(blank)) << text;
    }
  }
}

// C-8.28
TEST(Spelling, SizesAreNotThoseOfTheList) {
  const auto set = take(simple_spelling(list("fig\n"), SpellingSplit::kTrain));
  EXPECT_EQ(set->size(), 1000);
  EXPECT_EQ(std::get<std::string>(take(set->get(999)).conversation.messages[0].content), "Spell the word: fig");
  EXPECT_EQ(std::get<std::string>(take(set->get(999)).conversation.messages[1].content), "fig:f,i,g");
  EXPECT_EQ(take(spelling_bee(list("fig\n"), SpellingSplit::kTest, 80000))->size(), 80000);
  EXPECT_THROW((void)set->get(1000), std::invalid_argument);
}

TEST(Spelling, CharactersAreCountedNotBytes) {
  const auto set = take(simple_spelling(list("gr\xc3\xbc\xc3\x9f\n"), SpellingSplit::kTrain, 1));
  EXPECT_EQ(std::get<std::string>(take(set->get(0)).conversation.messages[1].content), "gr\xc3\xbc\xc3\x9f:g,r,\xc3\xbc,\xc3\x9f");
}

// The seeds of the test set would be those of a training set with more than ten million items.
TEST(TrapL5, TrainingAndTestWordsNeverShareASeed) {
  const WordListPtr words = list("fig\n");
  EXPECT_TRUE(simple_spelling(words, SpellingSplit::kTrain, kSpellingTestSeed).ok());
  EXPECT_FALSE(simple_spelling(words, SpellingSplit::kTrain, kSpellingTestSeed + 1).ok());
  EXPECT_FALSE(spelling_bee(words, SpellingSplit::kTrain, kSpellingTestSeed + 1).ok());
  EXPECT_FALSE(spelling_bee(words, SpellingSplit::kTrain, 0).ok());
  std::string many;
  for (int i = 0; i < 1000; ++i) many += "w" + std::to_string(i) + "\n";
  const WordListPtr large = list(many);
  const auto train = take(spelling_bee(large, SpellingSplit::kTrain, 50)), test = take(spelling_bee(large, SpellingSplit::kTest, 50));
  int same = 0;
  for (int64_t i = 0; i < 50; ++i) same += take(train->get(i)).conversation == take(test->get(i)).conversation;
  EXPECT_LT(same, 5);
}

// C-8.27
TEST(Spelling, TheAnswerCountsByHandAndThenByTheTool) {
  const auto set = take(spelling_bee(list("tree\n"), SpellingSplit::kTrain, 200));
  bool counted = false;
  for (int64_t i = 0; i < 200; ++i) {
    const auto parts = std::get<std::vector<Part>>(take(set->get(i)).conversation.messages[1].content);
    ASSERT_EQ(parts.size(), 5u);
    if (parts[2].text != "'tree'.count('e')") continue;
    counted = true;
    EXPECT_NE(parts[0].text.find("\n\nFirst spell the word out:\ntree:t,r,e,e\n\nThen count the occurrences of 'e':\n1:t\n2:r\n3:e hit! count=1\n4:e hit! count=2\n\nThis gives us 2."), std::string::npos);
    EXPECT_EQ(parts[3], (Part{PartType::kPythonOutput, "2"}));
    EXPECT_TRUE(parts[4].text.starts_with("\n\n") && parts[4].text.ends_with("\n\n#### 2"));
  }
  EXPECT_TRUE(counted);
}

// C-8.36
TEST(Spelling, APreviewShowsCallsWithTheirResults) {
  const auto set = take(spelling_bee(list("tree\n"), SpellingSplit::kTrain, 1));
  const Example example = take(set->get(0));
  const std::string text = preview(example);
  const auto& parts = std::get<std::vector<Part>>(example.conversation.messages[1].content);
  EXPECT_NE(text.find(std::get<std::string>(example.conversation.messages[0].content) + "\n-----"), std::string::npos);
  EXPECT_NE(text.find("using Python:\n\n<<" + parts[2].text + "=" + parts[3].text + ">>\n\nPython gives us"), std::string::npos) << text;
}

}  // namespace
}  // namespace lathe::tasks
