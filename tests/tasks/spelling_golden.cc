#include <map>

#include "core/python_random.h"
#include "tasks/mixture.h"
#include "tasks/spelling.h"
#include "tests/ref/testing.h"

namespace lathe::tasks {
namespace {

using testing::take;

// C-8.25, C-8.27, C-8.28
TEST(SpellingGolden, ExamplesAreTheReferences) {
  const auto path = testing::golden("eval") / "spelling.jsonl";
  LATHE_NEEDS(path);
  const auto list = testing::real_data("words") / "words_alpha.txt.zst";
  LATHE_NEEDS(list);
  const WordListPtr words = take(WordList::open(list));
  const std::vector<Json> rows = testing::read_jsonl(path);
  ASSERT_FALSE(rows.empty());
  std::map<std::string, ConversationSetPtr> sets;
  for (const Json& row : rows) {
    const std::string task = row.at("task").as_string(), split = row.at("split").as_string();
    ConversationSetPtr& set = sets[task + split];
    const SpellingSplit which = split == "test" ? SpellingSplit::kTest : SpellingSplit::kTrain;
    if (!set) set = take(task == "SpellingBee" ? spelling_bee(words, which) : simple_spelling(words, which));
    EXPECT_EQ(take(set->get(row.at("index").as_int())).conversation, take(tokenizer::conversation_from_json(row))) << task << " " << split << " " << row.at("index").as_int();
  }
}

// C-8.35
TEST(SpellingGolden, TheStoredListHasItsLength) {
  const auto list = testing::real_data("words") / "words_alpha.txt.zst";
  LATHE_NEEDS(list);
  const WordListPtr words = take(WordList::open(list));
  EXPECT_EQ(words->words().size(), 370099u);
  EXPECT_EQ(words->words()[0], "a");
}

// A set whose items say their place: "TASK INDEX".
class Numbered : public ConversationSet {
 public:
  Numbered(int64_t task, int64_t size) : task_(task), size_(size) {}
  int64_t size() const override { return size_; }
  Result<Example> get(int64_t index) const override {
    Example example;
    example.about["place"] = Json(Json::Array{task_, index});
    return example;
  }

 private:
  int64_t task_, size_;
};

// C-8.6, C-8.34
TEST(MixtureGolden, TheOrderIsTheReferences) {
  const auto path = testing::golden("eval") / "python_random.json";
  LATHE_NEEDS(path);
  const Json golden = testing::read_json_or_fail(path);
  std::vector<ConversationSetPtr> sets;
  for (const Json& length : golden.at("task_mixture").at("lengths").as_array()) sets.push_back(std::make_shared<Numbered>(std::ssize(sets), length.as_int()));
  const ConversationSetPtr mixed = mixture(sets);
  const Json& order = golden.at("task_mixture").at("index_map");
  ASSERT_EQ(mixed->size(), std::ssize(order.as_array()));
  for (int64_t i = 0; i < mixed->size(); ++i) EXPECT_EQ(take(mixed->get(i)).about.at("place").dump(), order.at(static_cast<size_t>(i)).dump()) << i;

  for (const Json& row : golden.at("rows").as_array()) {
    for (const auto& [length, shuffled] : row.at("shuffle_range").as_object()) {
      Json own = Json::array();
      for (const int64_t i : PythonRandom(static_cast<uint64_t>(row.at("seed").as_int())).shuffled(std::stoll(length))) own.push_back(i);
      EXPECT_EQ(own.dump(), shuffled.dump());
    }
  }
}

}  // namespace
}  // namespace lathe::tasks
