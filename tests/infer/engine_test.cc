#include "infer/engine.h"

#include <limits>
#include <set>

#include "tests/infer/mock_model.h"

namespace lathe::infer {
namespace {

using namespace testing;
using lathe::testing::take;

struct Transcript {
  std::vector<std::vector<int32_t>> columns;
  std::vector<std::vector<uint8_t>> masks;
  StopReason reason = StopReason::kCancelled;
};

Transcript run(LanguageModel& model, const std::vector<int32_t>& prompt, const GenerateOptions& options) {
  Engine engine(model, mock_tokenizer());
  Transcript result;
  result.reason = take(engine.generate(prompt, options, [&](const Column& column) {
    result.columns.emplace_back(column.tokens.begin(), column.tokens.end());
    result.masks.emplace_back(column.mask.begin(), column.mask.end());
    return true;
  }));
  return result;
}

GenerateOptions options_of(int64_t samples, std::optional<int64_t> max_tokens, double temperature = 1,
                           uint64_t seed = 42) {
  GenerateOptions options;
  options.num_samples = samples;
  options.max_tokens = max_tokens;
  options.sampling.temperature = temperature;
  options.sampling.seed = seed;
  return options;
}

std::string message_of(const Result<StopReason>& result) { return result.ok() ? "" : result.error().message; }

// Uniform over the 256 bytes, so that no row ends by itself.
void bytes_only(int64_t, const std::vector<int32_t>&, std::span<float> logits) {
  std::fill(logits.begin() + 256, logits.end(), -std::numeric_limits<float>::infinity());
}

// C-10.1, C-10.22
TEST(Engine, YieldsOneTokenPerRowAndStepUntilMaxTokens) {
  for (const int64_t samples : {1, 4, 16, 64})
    for (const int64_t max_tokens : {1, 4, 16, 64}) {
      MockModel model(bytes_only);
      const Transcript result = run(model, hello(), options_of(samples, max_tokens));
      ASSERT_EQ(static_cast<int64_t>(result.columns.size()), max_tokens);
      for (const auto& column : result.columns) ASSERT_EQ(static_cast<int64_t>(column.size()), samples);
      for (const auto& mask : result.masks) ASSERT_EQ(mask, std::vector<uint8_t>(static_cast<size_t>(samples), 1));
      EXPECT_EQ(result.reason, StopReason::kMaxTokens);
    }
}

// C-10.1, C-10.25
TEST(Engine, RefusesPromptsThatCannotBeRead) {
  MockModel model;
  Engine engine(model, mock_tokenizer());
  const auto refused = [&](const std::vector<int32_t>& prompt, const GenerateOptions& options = {}) {
    return message_of(engine.generate(prompt, options, [](const Column&) { return true; }));
  };
  EXPECT_NE(refused({}), "");
  EXPECT_NE(refused({-1}).find("token -1"), std::string::npos);
  EXPECT_NE(refused({kBos, 262}).find("token 262"), std::string::npos);
  model.limit = 5;
  EXPECT_NE(refused(hello()).find("6 tokens, more than the 5 positions"), std::string::npos);
  EXPECT_NE(refused({kBos}, options_of(0, 1)), "");
  EXPECT_NE(refused({kBos}, options_of(1, -1)), "");
  EXPECT_NE(refused({kBos}, options_of(1, 1, -0.5)).find("temperature"), std::string::npos);
  EXPECT_TRUE(model.calls.empty()) << "a refused prompt must not reach the model";
}

// C-10.2
TEST(Engine, PrefillsOnceAndCopiesTheCacheToEverySample) {
  MockModel model(bytes_only);
  run(model, hello(), options_of(4, 8));
  EXPECT_EQ(model.caches, (std::vector<MockModel::Call>{{4, 14}, {1, 6}}));
  ASSERT_EQ(model.calls.size(), 8u);
  EXPECT_EQ(model.calls[0], (MockModel::Call{1, 6}));
  for (size_t i = 1; i < 8; ++i) EXPECT_EQ(model.calls[i], (MockModel::Call{4, 1}));
}

// C-10.2
TEST(Engine, ALongPromptIsReadInPiecesWithoutLosingAToken) {
  MockModel model(bytes_only);
  model.limit = 4000;
  std::vector<int32_t> prompt;
  for (int32_t i = 0; i < 1300; ++i) prompt.push_back(i % 251);
  const Transcript result = run(model, prompt, options_of(2, 2));
  EXPECT_EQ(model.calls, (std::vector<MockModel::Call>{{1, 512}, {1, 512}, {1, 276}, {2, 1}}));
  ASSERT_EQ(model.seen().size(), 2u);
  for (size_t row = 0; row < 2; ++row) {
    std::vector<int32_t> expected = prompt;
    expected.push_back(result.columns[0][row]);
    EXPECT_EQ(model.seen()[row], expected);
  }
}

// C-10.3, C-10.22
TEST(Engine, EveryRowDrawsItsOwnFirstToken) {
  MockModel model(bytes_only);
  const Transcript result = run(model, hello(), options_of(16, 1));
  const std::set<int32_t> distinct(result.columns[0].begin(), result.columns[0].end());
  EXPECT_GT(distinct.size(), 8u);
}

// C-10.7, C-10.22
TEST(Engine, TheSameSeedGivesTheSameTokens) {
  std::set<std::vector<std::vector<int32_t>>> distinct;
  for (const uint64_t seed : {1u, 42u, 123u, 999u}) {
    MockModel first(bytes_only), second(bytes_only);
    const Transcript a = run(first, hello(), options_of(3, 12, 1, seed)),
                     b = run(second, hello(), options_of(3, 12, 1, seed));
    EXPECT_EQ(a.columns, b.columns);
    distinct.insert(a.columns);
  }
  EXPECT_EQ(distinct.size(), 4u) << "different seeds must differ";
}

// C-10.6, C-10.22
TEST(Engine, GreedyIgnoresTheSeed) {
  std::set<std::vector<std::vector<int32_t>>> distinct;
  for (const uint64_t seed : {1u, 42u, 123u, 999u}) {
    MockModel model(
        [](int64_t, const std::vector<int32_t>& seen, std::span<float> logits) { logits[seen.size() * 7 % 256] = 3; });
    distinct.insert(run(model, hello(), options_of(2, 12, 0, seed)).columns);
  }
  EXPECT_EQ(distinct.size(), 1u);
  EXPECT_EQ((*distinct.begin())[0], (std::vector<int32_t>{42, 42}));
}

// C-10.22
TEST(Engine, TenSeedsVary) {
  std::set<int32_t> first_tokens;
  for (uint64_t seed = 0; seed < 10; ++seed) {
    MockModel model(bytes_only);
    first_tokens.insert(run(model, hello(), options_of(1, 1, 1, seed)).columns[0][0]);
  }
  EXPECT_GT(first_tokens.size(), 4u);
}

// C-10.8
TEST(Engine, StopsWhenEveryRowHasEnded) {
  for (const int32_t end : {kAssistantEnd, kBos, int32_t{'.'}}) {
    // Row 0 ends at its second token, row 1 at its fourth.
    MockModel model([&](int64_t row, const std::vector<int32_t>& seen, std::span<float> logits) {
      const size_t step = seen.size() - hello().size();
      logits[static_cast<size_t>(step >= (row == 0 ? 1u : 3u) ? end : 'a')] = 50;
    });
    GenerateOptions options = options_of(2, 50, 0);
    options.stop_ids = {'.'};
    const Transcript result = run(model, hello(), options);
    EXPECT_EQ(result.columns, (std::vector<std::vector<int32_t>>{{'a', 'a'}, {end, 'a'}, {end, 'a'}, {end, end}}));
    EXPECT_EQ(result.reason, StopReason::kCompleted);
    EXPECT_EQ(model.calls.size(), 4u) << "no forward pass after the last column";
  }
}

// C-10.9
TEST(Engine, ForcedTokensCountAgainstMaxTokensAndUseUpTheDraw) {
  std::vector<int32_t> script = {kPythonStart, '6', '*', '7', kPythonEnd};
  for (const char c : std::string("abcdefgh")) script.push_back(c);
  MockModel model(scripted(script, hello().size()));
  const Transcript result = run(model, hello(), options_of(1, 11, 0));
  std::vector<int32_t> tokens;
  std::string mask;
  for (const auto& column : result.columns) tokens.push_back(column[0]);
  for (const auto& m : result.masks) mask += m[0] ? '1' : '0';
  // a, b, c and d were drawn and replaced by the forced result; the answer goes on with e.
  EXPECT_EQ(tokens, (std::vector<int32_t>{kPythonStart, '6', '*', '7', kPythonEnd, kOutputStart, '4', '2', kOutputEnd,
                                          'e', 'f'}));
  EXPECT_EQ(mask, "11111000011");
  EXPECT_EQ(result.reason, StopReason::kMaxTokens);
}

// C-10.9, C-10.28
TEST(Engine, ARowThatEndsEarlierChangesNothingForTheOthers) {
  const auto model_that_ends_row_0_at = [](size_t end_step) {
    return MockModel([end_step](int64_t row, const std::vector<int32_t>& seen, std::span<float> logits) {
      bytes_only(row, seen, logits);
      if (row == 0 && seen.size() == hello().size() + end_step) logits[kAssistantEnd] = 90;
    });
  };
  MockModel early = model_that_ends_row_0_at(2), late = model_that_ends_row_0_at(9);
  const Transcript a = run(early, hello(), options_of(2, 12)), b = run(late, hello(), options_of(2, 12));
  ASSERT_EQ(a.columns.size(), 12u);
  ASSERT_EQ(b.columns.size(), 12u);
  for (size_t step = 0; step < 12; ++step) EXPECT_EQ(a.columns[step][1], b.columns[step][1]) << step;
  EXPECT_EQ(a.columns[2][0], kAssistantEnd);
  EXPECT_NE(b.columns[2][0], kAssistantEnd);
}

// C-10.12
TEST(Engine, TheCalculatorIsOnForEveryCaller) {
  MockModel model(scripted({kPythonStart, '1', '+', '1', kPythonEnd}, hello().size()));
  Engine engine(model, mock_tokenizer());
  const Generated result = take(engine.generate_batch(hello(), options_of(1, 20, 0)));
  const std::vector<int32_t> answer(result.tokens[0].begin() + 6, result.tokens[0].end());
  EXPECT_EQ(answer, (std::vector<int32_t>{kPythonStart, '1', '+', '1', kPythonEnd, kOutputStart, '2', kOutputEnd}));
}

// C-10.27
TEST(Engine, SpecialTokensInsideAToolBlockGiveNoResult) {
  MockModel model(scripted({kPythonStart, '1', '+', kOutputStart, '1', kPythonEnd, 'x'}, hello().size()));
  Engine engine(model, mock_tokenizer());
  const Generated result = take(engine.generate_batch(hello(), options_of(1, 20, 0)));
  EXPECT_EQ(result.tokens[0].back(), 'x');
  EXPECT_EQ(result.tokens[0].size(), 6u + 7u);
}

// C-10.13
TEST(Engine, BatchHoldsPromptAndAnswerWithoutTheTerminalToken) {
  MockModel model([](int64_t row, const std::vector<int32_t>& seen, std::span<float> logits) {
    const size_t step = seen.size() - hello().size();
    logits[static_cast<size_t>(row == 0 ? (step == 2 ? kBos : 'a') : (step == 4 ? kAssistantEnd : 'b'))] = 50;
  });
  Engine engine(model, mock_tokenizer());
  const Generated result = take(engine.generate_batch(hello(), options_of(2, 30, 0)));
  auto expected = std::vector<std::vector<int32_t>>{hello(), hello()};
  // The rows share the prefill's logits, which row 0 shapes.
  expected[0].insert(expected[0].end(), {'a', 'a'});
  expected[1].insert(expected[1].end(), {'a', 'b', 'b', 'b'});
  EXPECT_EQ(result.tokens, expected);
  EXPECT_EQ(result.mask[0], (std::vector<uint8_t>{0, 0, 0, 0, 0, 0, 1, 1}));
  EXPECT_EQ(result.mask[1], (std::vector<uint8_t>{0, 0, 0, 0, 0, 0, 1, 1, 1, 1}));
  EXPECT_EQ(result.reason, StopReason::kCompleted);
  EXPECT_EQ(model.calls.size(), 5u);
}

// C-10.24
TEST(Engine, WithoutMaxTokensItStopsWhenTheTrainedLengthIsFull) {
  MockModel model(bytes_only);
  const Transcript result = run(model, hello(), options_of(2, std::nullopt));
  EXPECT_EQ(result.reason, StopReason::kContextFull);
  // The last token needs no place in the cache: nothing is computed from it.
  EXPECT_EQ(static_cast<int64_t>(result.columns.size()), model.sequence_len() - 6 + 1);
  EXPECT_EQ(model.caches[0], (MockModel::Call{2, 64}));
}

// C-10.25
TEST(Engine, StopsAtTheEndOfTheRotaryTable) {
  MockModel model(bytes_only);
  model.limit = 10;
  const Transcript result = run(model, hello(), options_of(1, 1000));
  EXPECT_EQ(result.reason, StopReason::kContextFull);
  EXPECT_EQ(result.columns.size(), 5u);
}

TEST(TrapS2, CancellingStopsWithinOneStep) {
  MockModel model(bytes_only);
  Engine engine(model, mock_tokenizer());
  bool cancelled = false;
  int64_t columns = 0;
  const auto reason = take(engine.generate(
      hello(), options_of(1, 50),
      [&](const Column&) {
        cancelled = ++columns == 3;
        return true;
      },
      [&] { return cancelled; }));
  EXPECT_EQ(reason, StopReason::kCancelled);
  EXPECT_EQ(columns, 3);
  EXPECT_LE(model.calls.size(), 4u);
}

TEST(TrapS2, CancellingStopsBetweenPiecesOfAPrefill) {
  MockModel model(bytes_only);
  model.limit = 5000;
  Engine engine(model, mock_tokenizer());
  const std::vector<int32_t> prompt(2000, 'a');
  const auto reason = take(engine.generate(
      prompt, options_of(1, 5), [](const Column&) { return true; }, [&] { return model.calls.size() == 2; }));
  EXPECT_EQ(reason, StopReason::kCancelled);
  EXPECT_EQ(model.calls.size(), 2u);
}

TEST(TrapS1, RequestsDoNotLeakIntoEachOther) {
  // Logits that depend on everything the model has seen: any left-over would change the answer.
  const auto hashing = [](int64_t, const std::vector<int32_t>& seen, std::span<float> logits) {
    uint64_t hash = 1469598103934665603u;
    for (const int32_t id : seen) hash = (hash ^ static_cast<uint64_t>(id)) * 1099511628211u;
    logits[(hash >> 20) % 256] = 60;
  };
  MockModel shared(hashing), fresh(hashing);
  run(shared, {kBos, 'x', 'y'}, options_of(4, 20, 0));
  run(shared, {kBos, 'z'}, options_of(1, 3, 0));
  EXPECT_EQ(run(shared, hello(), options_of(2, 20, 0)).columns, run(fresh, hello(), options_of(2, 20, 0)).columns);
}

TEST(Engine, DamagedWeightsAreAnErrorNotAToken) {
  MockModel model([](int64_t, const std::vector<int32_t>& seen, std::span<float> logits) {
    if (seen.size() == 8) logits[5] = std::numeric_limits<float>::quiet_NaN();
  });
  Engine engine(model, mock_tokenizer());
  const auto result = engine.generate(hello(), options_of(1, 10), [](const Column&) { return true; });
  EXPECT_NE(message_of(result).find("not finite after 8 tokens"), std::string::npos);
}

TEST(Engine, NeverSamplesAnIdTheTokenizerDoesNotKnow) {
  MockModel model([](int64_t, const std::vector<int32_t>&, std::span<float> logits) { logits[300] = 99; }, 320);
  const Transcript result = run(model, hello(), options_of(1, 10));
  for (const auto& column : result.columns) EXPECT_LT(column[0], kMockVocab);
}

TEST(Engine, ZeroTokensAskNothingOfTheModel) {
  MockModel model;
  const Transcript result = run(model, hello(), options_of(1, 0));
  EXPECT_TRUE(result.columns.empty());
  EXPECT_TRUE(model.calls.empty());
}

// C-10.29
TEST(MockTokenizer, DecodesBytesAndNamesSpecialTokens) {
  const tokenizer::Tokenizer tokenizer = mock_tokenizer();
  EXPECT_EQ(tokenizer.vocab_size(), kMockVocab);
  EXPECT_EQ(tokenizer.bos_id(), kBos);
  const std::vector<int32_t> ids = hello();
  EXPECT_EQ(tokenizer.decode(std::span(ids).subspan(1)), "Hello");
}

}  // namespace
}  // namespace lathe::infer
