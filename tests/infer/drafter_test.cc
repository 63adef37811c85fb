#include "infer/model_drafter.h"
#include "infer/ngram_drafter.h"
#include "infer/sampler.h"
#include "infer/transformer_model.h"
#include "tests/infer/mock_model.h"
#include "tests/infer/paged_text.h"

namespace lathe::infer {
namespace {

using namespace lathe::infer::testing;
using lathe::testing::random_model;
using lathe::testing::take;
using Ids = std::vector<int32_t>;

TEST(NgramDrafter, GoesOnAsTheLatestOfTheLongestMatchesDid) {
  NgramDrafter drafter(3, 2);
  EXPECT_EQ(drafter.propose(0, Ids{1, 2, 3, 4, 5, 9, 1, 2, 3}, 2), (Ids{4, 5}));
  EXPECT_EQ(drafter.propose(0, Ids{1, 2, 3, 4, 1, 2, 3, 5, 1, 2, 3}, 1), Ids{5}) << "the latest";
  EXPECT_EQ(drafter.propose(0, Ids{1, 2, 3, 4, 7, 2, 3, 5, 1, 2, 3}, 1), Ids{4}) << "the longest";
  EXPECT_EQ(drafter.propose(0, Ids{0, 1, 2, 3, 8, 9, 1, 2, 3, 6, 0, 1, 2, 3}, 1), Ids{6}) << "four are not looked at";
}

TEST(NgramDrafter, RepeatsAMatchThatReachesTheEnd) {
  EXPECT_EQ(NgramDrafter().propose(0, Ids{8, 1, 2, 1, 2}, 5), (Ids{1, 2, 1, 2, 1}));
  EXPECT_EQ(NgramDrafter().propose(0, Ids{4, 4, 4}, 3), (Ids{4, 4, 4}));
}

TEST(NgramDrafter, SaysNothingWithoutAMatch) {
  NgramDrafter drafter;
  EXPECT_TRUE(drafter.propose(0, Ids{}, 4).empty());
  EXPECT_TRUE(drafter.propose(0, Ids{1}, 4).empty());
  EXPECT_TRUE(drafter.propose(0, Ids{1, 2, 3, 4}, 4).empty());
  EXPECT_TRUE(drafter.propose(0, Ids{5, 2, 6, 2}, 4).empty()) << "one token is no match";
  EXPECT_TRUE(drafter.propose(0, Ids{1, 2, 1, 2}, 0).empty());
  EXPECT_EQ(NgramDrafter(4, 1).propose(0, Ids{5, 2, 6, 2}, 1), Ids{6});
  EXPECT_THROW(NgramDrafter(2, 3), std::invalid_argument);
}

// Says the token after the last one.
MockModel::Logits counting() {
  return [](int64_t, const std::vector<int32_t>& seen, std::span<float> logits) { logits[static_cast<size_t>((seen.back() + 1) % 256)] = 9; };
}

std::unique_ptr<ModelDrafter> drafter_of(LanguageModel& model, int64_t pages) {
  return take(ModelDrafter::create(model, mock_tokenizer(), mock_tokenizer(), pages));
}

// The mock refuses a step whose pages do not hold just what its row has seen.
TEST(ModelDrafter, ReadsOnlyWhatIsNew) {
  MockModel model(counting());
  const auto drafter = drafter_of(model, 4);
  Ids text = hello();
  EXPECT_EQ(drafter->propose(7, text, 3), (Ids{'p', 'q', 'r'}));
  EXPECT_EQ(model.steps, (std::vector<MockModel::Call>{{1, 6}, {1, 1}, {1, 1}}));
  model.steps.clear();
  text.insert(text.end(), {'p', 'q', 'x'});  // two guesses were right
  EXPECT_EQ(drafter->propose(7, text, 2), (Ids{'y', 'z'}));
  EXPECT_EQ(model.steps, (std::vector<MockModel::Call>{{1, 1}, {1, 1}}));
  model.steps.clear();
  text = hello();
  text.back() = 'a';
  EXPECT_EQ(drafter->propose(7, text, 1), Ids{'b'}) << "another text under the same number";
  EXPECT_EQ(model.steps, (std::vector<MockModel::Call>{{1, 1}}));
}

TEST(ModelDrafter, TakesPagesFromWhomItWasAskedAboutLongestAgo) {
  MockModel model(counting());
  const auto drafter = drafter_of(model, 3);
  const Ids text(60, 'a');
  for (const int64_t id : {1, 2, 3}) EXPECT_EQ(drafter->propose(id, text, 2), (Ids{'b', 'c'}));
  EXPECT_EQ(drafter->free_pages(), 0);
  EXPECT_EQ(drafter->propose(1, text, 1), Ids{'b'});
  EXPECT_EQ(drafter->propose(4, text, 1), Ids{'b'}) << "instead of 2";
  model.steps.clear();
  EXPECT_EQ(drafter->propose(3, text, 1), Ids{'b'});
  EXPECT_EQ(model.steps, (std::vector<MockModel::Call>{{1, 1}})) << "3 was still held";
  EXPECT_TRUE(drafter->propose(5, Ids(200, 'a'), 4).empty()) << "more than there are pages";
  drafter->forget(3), drafter->forget(3), drafter->forget(99);
  drafter->forget(4), drafter->forget(1);
  EXPECT_EQ(drafter->free_pages(), 3);
}

TEST(ModelDrafter, GuessesWithinTheModelsPositionsAndVocabulary) {
  MockModel model(counting());
  model.limit = 10;
  const auto drafter = drafter_of(model, 4);
  EXPECT_EQ(drafter->propose(0, Ids(8, 'a'), 9), (Ids{'b', 'c', 'd'})) << "the last guess is never read";
  EXPECT_TRUE(drafter->propose(0, Ids(11, 'a'), 9).empty());
  EXPECT_TRUE(drafter->propose(0, Ids{}, 9).empty());
  EXPECT_TRUE(drafter->propose(0, Ids{'a', 5000}, 9).empty());
}

TEST(ModelDrafter, NeedsTheSameVocabulary) {
  MockModel model;
  const auto refused = ModelDrafter::create(model, mock_tokenizer(), chat_tokenizer(), 4);
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error().to_string().find("is not the model's"), std::string::npos);
  EXPECT_FALSE(ModelDrafter::create(model, mock_tokenizer(), mock_tokenizer(), 0).ok());
}

// A model that drafts for itself is always right, whatever text came between.
TEST(ModelDrafter, OfTheModelItselfGuessesWhatTheModelSays) {
  for (lathe::testing::SmallModel small : lathe::testing::small_models(54)) {
    SCOPED_TRACE(small.name);
    small.config.vocab_size = kMockVocab;
    if (small.config.positions == model::Positions::kLearned) small.config.sequence_len = 200;
    const auto transformer = random_model(small.config, DType::kBFloat16);
    TransformerModel model(*transformer), draft(*transformer);
    const auto drafter = drafter_of(draft, 8);
    Ids texts[2] = {small_text(61, 1), small_text(9, 2)};
    for (int round = 0; round < 4; ++round)
      for (int64_t id = 0; id < 2; ++id) {
        Ids& text = texts[id];
        const Ids guesses = drafter->propose(id, text, 4);
        Ids said = text;
        for (int i = 0; i < 4; ++i) said.push_back(argmax(model.forward_uncached(said).span<float>()));
        EXPECT_EQ(guesses, Ids(said.end() - 4, said.end()));
        // Two guesses are kept and another token follows.
        text.insert(text.end(), guesses.begin(), guesses.begin() + 2);
        text.push_back((guesses[2] + 1) % 256);
      }
  }
}

}  // namespace
}  // namespace lathe::infer
