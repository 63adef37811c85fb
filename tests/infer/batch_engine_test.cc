// The batch engine's contract, request by request.
#include "infer/batch_engine.h"

#include <cmath>
#include <limits>
#include <stdexcept>

#include "infer/engine.h"
#include "tests/infer/recorder.h"
#include "tests/infer/scripted_drafter.h"
#include "tests/infer/scripted_grammar.h"

namespace lathe::infer {
namespace {

using namespace testing;
using lathe::testing::take;

Request request_for(std::vector<int32_t> prompt, int64_t max_tokens) {
  Request request;
  request.prompt = std::move(prompt);
  request.max_tokens = max_tokens;
  return request;
}

std::shared_ptr<Recorder> submitted(BatchEngine& engine, const Request& request) {
  auto recorder = std::make_shared<Recorder>();
  EXPECT_EQ(engine.submit(request, recorder), Admission::kAccepted);
  return recorder;
}

void run(BatchEngine& engine) {
  while (engine.step()) {
  }
  const EngineFigures figures = engine.figures();
  EXPECT_EQ(figures.running + figures.waiting + figures.pages_used, 0);
}

std::vector<int32_t> with_end(std::string_view text, std::initializer_list<int32_t> more) {
  std::vector<int32_t> ids = bytes_of(text);
  ids.insert(ids.end(), more);
  return ids;
}

// L-12.10: what the other engine says to the same prompts, options and seed.
TEST(BatchEngine, SaysWhatTheEngineSays) {
  MockModel model(scattered());
  Engine engine(model, mock_tokenizer());
  for (const double temperature : {0.0, 0.8, 1.5}) {
    GenerateOptions options;
    options.num_samples = 3;
    options.max_tokens = 90;
    options.sampling.temperature = temperature;
    options.sampling.top_k = 40;
    options.log_probs = true;
    const std::vector<int32_t> prompt = text_of_seed(100, 3);
    const Generated expected = take(engine.generate_batch(prompt, options));
    BatchEngine batch(model, mock_tokenizer(), {});
    Request request = request_for(prompt, 90);
    request.sampling = options.sampling;
    request.n = 3;
    request.top_log_probs = 0;
    const auto heard = run_alone(batch, request);
    ASSERT_EQ(heard->answers.size(), 3u);
    for (size_t i = 0; i < 3; ++i) {
      const std::vector<int32_t> answer(expected.tokens[i].begin() + 100, expected.tokens[i].end());
      EXPECT_EQ(heard->answers[i].tokens, answer);
      for (size_t t = 0; t < answer.size(); ++t) EXPECT_EQ(heard->answers[i].log_probs[t].log_prob, expected.log_probs[i][t]);
      EXPECT_EQ(heard->answers[i].finish->terminal, expected.terminal[i]);
    }
    EXPECT_EQ(batch.figures().pages_used, 0);
  }
}

// L-12.10: the first of n answers is the answer of a request for one.
TEST(BatchEngine, AnswerOfOneIsTheFirstOfMany) {
  MockModel model(scattered());
  BatchEngine engine(model, mock_tokenizer(), {});
  Request request = request_for(text_of_seed(70, 1), 30);
  const auto one = run_alone(engine, request);
  request.n = 5;
  const auto five = run_alone(engine, request);
  EXPECT_EQ(one->answers.at(0).tokens, five->answers.at(0).tokens);
  EXPECT_NE(five->answers.at(0).tokens, five->answers.at(4).tokens);
}

// Trap S1: requests leak into each other. The mock refuses to read what is not the row's own; here all have their pages from others who
// have just left, and each says its own name until its end.
TEST(TrapS1, RequestsDoNotLeakIntoEachOther) {
  const auto name_of = [](const std::vector<int32_t>& seen) { return static_cast<size_t>(seen[1]); };
  MockModel model([&](int64_t, const std::vector<int32_t>& seen, std::span<float> logits) { logits[name_of(seen)] = 50; });
  BatchEngineOptions options;
  options.pages = 24;
  options.max_rows = 32;
  options.token_budget = 48;
  options.max_waiting = options.max_waiting_per_client = 200;
  BatchEngine engine(model, mock_tokenizer(), options);
  std::vector<std::shared_ptr<Recorder>> heard;
  for (int32_t i = 0; i < 150; ++i) {
    Request request = request_for({kBos, 'A' + i % 26}, 5 + i % 70);
    for (int32_t t = 0; t < i; ++t) request.prompt.push_back(t % 7);
    heard.push_back(submitted(engine, request));
    if (i % 9 == 4) heard.back()->gone_after = 1 + i % 5;
    if (i % 3 == 0) engine.step();
  }
  run(engine);
  EXPECT_GT(engine.figures().preemptions, 0);
  for (size_t i = 0; i < heard.size(); ++i) {
    ASSERT_TRUE(heard[i]->ok());
    const Heard& answer = heard[i]->answers.at(0);
    EXPECT_EQ(answer.text, std::string(answer.text.size(), static_cast<char>('A' + i % 26)));
    if (!heard[i]->gone) {
      EXPECT_EQ(answer.text.size(), 5 + i % 70);
    }
  }
}

// Trap S2: who has gone costs no further step, whether it waits, reads or speaks.
TEST(TrapS2, GenerationEndsWithinOneStepWhenNobodyListens) {
  MockModel model(scripted(bytes_of(std::string(500, 'x')), 0));
  BatchEngineOptions options;
  options.pages = 20;
  options.max_rows = 2;
  options.token_budget = 40;
  BatchEngine engine(model, mock_tokenizer(), options);
  const auto speaks = submitted(engine, request_for({kBos}, 100));
  for (int i = 0; i < 3; ++i) engine.step();
  const auto reads = submitted(engine, request_for(text_of_seed(200, 1), 100));
  for (int i = 0; i < 2; ++i) engine.step();
  const auto waits = submitted(engine, request_for(text_of_seed(200, 2), 100));
  const int64_t said = speaks->deltas;
  EXPECT_EQ(said, 5);
  EXPECT_FALSE(reads->is_started);
  for (const auto& recorder : {speaks, reads, waits}) recorder->gone = true;
  const size_t steps = model.steps.size();
  engine.step();
  EXPECT_EQ(model.steps.size(), steps);
  for (const auto& recorder : {speaks, reads, waits}) {
    ASSERT_TRUE(recorder->ok());
    EXPECT_EQ(recorder->answers.at(0).finish->reason, FinishReason::kCancelled);
  }
  EXPECT_EQ(speaks->deltas, said);
  EXPECT_EQ(speaks->usage.completion_tokens, 5);
  EXPECT_EQ(engine.figures().cancelled, 3);
  EXPECT_FALSE(engine.step());
  run(engine);
}

// Trap S3: the queue is bounded, in all and for each client; who is refused hears nothing.
TEST(TrapS3, TheQueueIsBounded) {
  MockModel model;
  BatchEngineOptions options;
  options.max_waiting = 5;
  options.max_waiting_per_client = 3;
  BatchEngine engine(model, mock_tokenizer(), options);
  Request request = request_for(hello(), 3);
  request.client = "a";
  for (int i = 0; i < 3; ++i) submitted(engine, request);
  const auto refused = std::make_shared<Recorder>();
  EXPECT_EQ(engine.submit(request, refused), Admission::kFull);
  request.client = "b";
  for (int i = 0; i < 2; ++i) submitted(engine, request);
  EXPECT_EQ(engine.submit(request, refused), Admission::kFull);
  EXPECT_EQ(engine.figures().waiting, 5);
  run(engine);
  EXPECT_FALSE(refused->status);
  EXPECT_EQ(engine.figures().finished, 5);
  EXPECT_EQ(engine.submit(request, refused), Admission::kAccepted);
  run(engine);
}

// Trap S10, as a request meets it: prompts that differ in one early token share nothing, equal ones all but the last page.
TEST(TrapS10, OnlyEqualBeginningsAreShared) {
  MockModel model(scattered());
  BatchEngine engine(model, mock_tokenizer(), {});
  std::vector<int32_t> prompt = text_of_seed(200, 1);
  EXPECT_EQ(run_alone(engine, request_for(prompt, 1))->usage.cached_tokens, 0);
  EXPECT_EQ(run_alone(engine, request_for(prompt, 1))->usage.cached_tokens, 192);
  prompt[70] ^= 1;
  EXPECT_EQ(run_alone(engine, request_for(prompt, 1))->usage.cached_tokens, 64);
  prompt[0] ^= 1;
  EXPECT_EQ(run_alone(engine, request_for(prompt, 1))->usage.cached_tokens, 0);
  prompt.resize(192);
  EXPECT_EQ(run_alone(engine, request_for(prompt, 1))->usage.cached_tokens, 128);  // a token must be left to be read
  Request adapted = request_for(prompt, 1);
  adapted.adapter = 0;
  EXPECT_EQ(run_alone(engine, adapted)->usage.cached_tokens, 0);
  Request apart = request_for(text_of_seed(200, 2), 1);
  apart.use_prefix_cache = false;
  for (int i = 0; i < 2; ++i) EXPECT_EQ(run_alone(engine, apart)->usage.cached_tokens, 0);
}

TEST(BatchEngine, ConversationGoesOnFromItsPages) {
  MockModel model(scripted(bytes_of(std::string(500, 'x')), 0));
  BatchEngine engine(model, mock_tokenizer(), {});
  Request request = request_for(text_of_seed(100, 1), 100);
  const auto first = run_alone(engine, request);
  const Heard& answer = first->answers.at(0);
  request.prompt.insert(request.prompt.end(), answer.tokens.begin(), answer.tokens.end());
  request.prompt.push_back('?');
  EXPECT_EQ(run_alone(engine, request)->usage.cached_tokens, 192);
}

TEST(BatchEngine, RequestsThatComeTogetherReadTheirCommonBeginningOnce) {
  MockModel model(scattered());
  BatchEngineOptions options;
  options.token_budget = 128;
  BatchEngine engine(model, mock_tokenizer(), options);
  for (int32_t i = 0; i < 8; ++i) {
    Request request = request_for(text_of_seed(600, 1), 1);
    request.prompt.push_back(i);
    submitted(engine, request);
  }
  run(engine);
  int64_t tokens = 0;
  for (const MockModel::Call& step : model.steps) tokens += step.length;
  EXPECT_LT(tokens, 601 + 7 * (601 - 576) + 2 * 128);
}

// L-12.11: a stop text across borders of tokens, at the earliest place; stop ids; the count.
TEST(BatchEngine, StopsWhereItIsToldTo) {
  MockModel model(scripted(bytes_of("one two three"), 6));
  BatchEngine engine(model, mock_tokenizer(), {});
  Request request = request_for(hello(), 100);
  request.stop_texts = {"", "three", "two t", "wo"};
  auto heard = run_alone(engine, request)->answers.at(0);
  EXPECT_EQ(heard.text, "one t");
  EXPECT_EQ(heard.tokens, bytes_of("one two"));
  EXPECT_EQ(heard.finish->reason, FinishReason::kStop);
  EXPECT_EQ(heard.finish->stop_text, "wo");
  EXPECT_EQ(heard.finish->terminal, -1);
  request.stop_texts = {"three!", "xyz"};
  request.stop_ids = {'h'};
  heard = run_alone(engine, request)->answers.at(0);
  EXPECT_EQ(heard.text, "one two t");  // what might have been a stop text is shown after all
  EXPECT_EQ(heard.finish->terminal, 'h');
  EXPECT_EQ(heard.finish->stop_text, "");
  request.stop_ids.clear();
  heard = run_alone(engine, request)->answers.at(0);
  EXPECT_EQ(heard.text, "one two three");
  EXPECT_EQ(heard.finish->terminal, kAssistantEnd);
  request.max_tokens = 5;
  const auto counted = run_alone(engine, request);
  EXPECT_EQ(counted->answers.at(0).text, "one t");
  EXPECT_EQ(counted->answers.at(0).finish->reason, FinishReason::kLength);
  EXPECT_EQ(counted->usage.completion_tokens, 5);
  EXPECT_EQ(counted->usage.prompt_tokens, 6);
  request.max_tokens = 0;
  const auto none = run_alone(engine, request);
  EXPECT_TRUE(none->is_started);
  EXPECT_EQ(none->deltas, 0);
  EXPECT_EQ(none->answers.at(0).finish->reason, FinishReason::kLength);
}

// L-12.12: whole characters only (the recorder sees to it), and what is incomplete at the end as U+FFFD.
TEST(BatchEngine, HoldsBackIncompleteCharacters) {
  MockModel model(scripted(bytes_of("a\xC3\xA9\xF0\x9F\x98\x80z\xE2\x82"), 6));
  BatchEngine engine(model, mock_tokenizer(), {});
  const auto heard = run_alone(engine, request_for(hello(), 100));
  EXPECT_EQ(heard->answers.at(0).text, "a\xC3\xA9\xF0\x9F\x98\x80z\xEF\xBF\xBD");
  EXPECT_EQ(heard->answers.at(0).tokens.size(), 10u);
}

TEST(BatchEngine, EndsNotBeforeMinTokens) {
  MockModel model([](int64_t, const std::vector<int32_t>&, std::span<float> logits) {
    logits[kAssistantEnd] = 60, logits['s'] = 50, logits['o'] = 40;
  });
  BatchEngine engine(model, mock_tokenizer(), {});
  Request request = request_for(hello(), 20);
  request.min_tokens = 7;
  request.stop_ids = {'s'};
  const auto heard = run_alone(engine, request);
  EXPECT_EQ(heard->answers.at(0).text, "ooooooo");
  EXPECT_EQ(heard->answers.at(0).finish->terminal, kAssistantEnd);
  EXPECT_EQ(heard->usage.completion_tokens, 8);
  request.min_tokens = 0;
  request.ignore_terminal = true;
  EXPECT_EQ(run_alone(engine, request)->answers.at(0).tokens, std::vector<int32_t>(20, kAssistantEnd));
}

// The answer ends where the model's positions do, with one token more, that needs none.
TEST(BatchEngine, EndsWhenTheContextIsFull) {
  MockModel model(scripted(bytes_of(std::string(2000, 'x')), 0));
  model.limit = 150;
  BatchEngine engine(model, mock_tokenizer(), {});
  for (const int64_t length : {1, 100, 149, 150}) {
    const auto heard = run_alone(engine, request_for(text_of_seed(length, 1), 1000));
    EXPECT_EQ(static_cast<int64_t>(heard->answers.at(0).tokens.size()), 150 - length + 1);
    EXPECT_EQ(heard->answers.at(0).finish->reason, FinishReason::kLength);
  }
  Request open = request_for(text_of_seed(20, 1), 0);
  open.max_tokens.reset();
  EXPECT_EQ(run_alone(engine, open)->answers.at(0).tokens.size(), 64u - 20 + 1);  // the trained length
  EXPECT_FALSE(engine.check(request_for(text_of_seed(151, 1), 1)).ok());
}

TEST(BatchEngine, CalculatorForcesItsResult) {
  std::vector<int32_t> script = with_end("", {kPythonStart, '1', '2', '*', '3', kPythonEnd});
  const std::vector<int32_t> result = {kOutputStart, '3', '6', kOutputEnd};
  MockModel model(scripted(with_end("", {kPythonStart, '1', '2', '*', '3', kPythonEnd, '?', '?', '?', '?', '.'}), 6));
  for (const int64_t budget : {1, 2, 3, 100}) {
    BatchEngineOptions options;
    options.token_budget = budget;
    BatchEngine engine(model, mock_tokenizer(), options);
    Request request = request_for(hello(), 50);
    for (const int64_t top : {-1, 2}) {
      request.top_log_probs = top;
      const auto heard = run_alone(engine, request)->answers.at(0);
      std::vector<int32_t> expected = script;
      expected.insert(expected.end(), result.begin(), result.end());
      expected.push_back('.');
      EXPECT_EQ(heard.tokens, expected);
      EXPECT_EQ(heard.sampled, (std::vector<uint8_t>{1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 1}));
      EXPECT_EQ(heard.log_probs.size(), top < 0 ? 0u : 11u);
    }
    for (const int64_t most : {6, 7, 8, 10}) {
      request.max_tokens = most;
      const auto heard = run_alone(engine, request)->answers.at(0);
      EXPECT_EQ(static_cast<int64_t>(heard.tokens.size()), most);
      EXPECT_EQ(heard.finish->reason, FinishReason::kLength);
    }
    request.max_tokens = 50;
    request.calculator.reset();
    EXPECT_EQ(run_alone(engine, request)->answers.at(0).tokens, with_end("", {kPythonStart, '1', '2', '*', '3', kPythonEnd, '?', '?', '?', '?', '.'}));
  }
}

// The result is read as one piece where the budget allows it.
TEST(BatchEngine, ForcedTokensCostOneStep) {
  MockModel model(scripted(with_end("", {kPythonStart, '7', kPythonEnd, '?', '?', '?', '.'}), 6));
  BatchEngine engine(model, mock_tokenizer(), {});
  run_alone(engine, request_for(hello(), 50));
  ASSERT_EQ(model.steps.size(), 5u);  // the prompt, <|python_start|>, 7, the block's end with its result, the dot
  EXPECT_EQ(model.steps[3], (MockModel::Call{1, 4}));
}

TEST(BatchEngine, GrammarRulesTheAnswer) {
  MockModel model([](int64_t, const std::vector<int32_t>&, std::span<float> logits) {
    logits['x'] = 50, logits['4'] = 40, logits[kAssistantEnd] = 45, logits[kPythonStart] = 60;
  });
  BatchEngine engine(model, mock_tokenizer(), {});
  Request request = request_for(hello(), 50);
  request.grammar = std::make_shared<Digits>(12);
  auto heard = run_alone(engine, request)->answers.at(0);
  EXPECT_EQ(heard.text, "444");  // then the end is allowed, and more likely
  EXPECT_EQ(heard.finish->terminal, kAssistantEnd);
  request.min_tokens = 5;
  EXPECT_EQ(run_alone(engine, request)->answers.at(0).text, "44444");
  request.grammar = std::make_shared<Digits>(4);
  heard = run_alone(engine, request)->answers.at(0);
  EXPECT_EQ(heard.text, "4444");  // nothing can follow
  EXPECT_EQ(heard.finish->reason, FinishReason::kStop);
  EXPECT_EQ(heard.finish->terminal, -1);
  request.min_tokens = 0;
  request.max_tokens = 2;
  EXPECT_EQ(run_alone(engine, request)->answers.at(0).finish->reason, FinishReason::kLength);
}

// Of rows that are drawn by several threads.
class ThrowingState : public DigitsState {
 public:
  ThrowingState() : DigitsState(9) {}
  void fill(TokenMask& mask) override {
    if (++fills_ == 3) throw std::runtime_error("grammar out of memory");
    DigitsState::fill(mask);
  }

 private:
  int fills_ = 0;
};
class Throwing : public Grammar {
 public:
  std::unique_ptr<GrammarState> start() const override { return std::make_unique<ThrowingState>(); }
};

TEST(BatchEngine, AGrammarThatFailsEndsItsRequestAlone) {
  constexpr int64_t kVocab = 40000;
  std::vector<std::string> tokens = byte_tokens();
  while (static_cast<int64_t>(tokens.size()) < kVocab - 1) tokens.push_back("t" + std::to_string(tokens.size()));
  const auto tokenizer = take(tokenizer::Tokenizer::from_tokens(tokens, {tokenizer::kAssistantEnd}));
  MockModel model({}, kVocab);
  BatchEngine engine(model, tokenizer, {});
  Request request = request_for({1, 2}, 6);
  const auto first = submitted(engine, request);
  const auto second = submitted(engine, request);
  request.grammar = std::make_shared<Throwing>();
  const auto broken = submitted(engine, request);
  run(engine);
  EXPECT_TRUE(first->ok() && second->ok());
  EXPECT_EQ(first->answers.at(0).tokens, second->answers.at(0).tokens);
  ASSERT_FALSE(broken->ok());
  EXPECT_EQ(broken->status->error().message, "grammar out of memory");
  EXPECT_EQ(engine.figures().failed, 1);
}

TEST(BatchEngine, LogitsThatAreNotFiniteEndTheirRequestAlone) {
  MockModel model([](int64_t, const std::vector<int32_t>& seen, std::span<float> logits) {
    if (seen[0] == 'b' && seen.size() > 3) logits[5] = std::numeric_limits<float>::quiet_NaN();
  });
  BatchEngine engine(model, mock_tokenizer(), {});
  const auto good = submitted(engine, request_for({'a', 'c'}, 9)), bad = submitted(engine, request_for({'b', 'c'}, 9));
  Request echo = request_for({'b', 'c', 'd', 'e', 'f'}, 0);
  echo.prompt_log_probs = true;
  const auto worse = submitted(engine, echo);
  run(engine);
  EXPECT_TRUE(good->ok());
  for (const auto& heard : {bad, worse}) {
    ASSERT_FALSE(heard->ok());
    EXPECT_NE(heard->status->error().message.find("not finite"), std::string::npos);
  }
}

TEST(BatchEngine, PromptLogProbabilitiesComeWithTheStart) {
  MockModel model(scattered());
  for (const int64_t budget : {7, 64, 1000}) {
    BatchEngineOptions options;
    options.token_budget = budget;
    BatchEngine engine(model, mock_tokenizer(), options);
    Request request = request_for(text_of_seed(150, 1), 0);
    run_alone(engine, request_for(request.prompt, 3));  // in the cache now
    request.prompt_log_probs = true;
    request.top_log_probs = 2;
    request.n = 2;
    const auto heard = run_alone(engine, request);
    EXPECT_EQ(heard->usage.cached_tokens, 0);
    ASSERT_EQ(heard->prompt_log_probs.size(), 149u);
    for (const size_t at : {0u, 63u, 64u, 148u}) {
      const LogProb& got = heard->prompt_log_probs[at];
      EXPECT_EQ(got.token, request.prompt[at + 1]);
      const Tensor logits = model.forward_uncached(std::span(request.prompt).first(at + 1));
      double total = 0;
      for (const float z : logits.span<float>()) total += std::exp(static_cast<double>(z));
      EXPECT_NEAR(got.log_prob, logits.data<float>()[got.token] - std::log(total), 1e-4);
      EXPECT_EQ(got.top.size(), 2u);
    }
    EXPECT_EQ(heard->answers.at(1).finish->reason, FinishReason::kLength);
  }
}

TEST(BatchEngine, AStepKeepsToTheBudgetAndAnswersComeFirst) {
  MockModel model(scripted(bytes_of(std::string(500, 'x')), 0));
  BatchEngineOptions options;
  options.token_budget = 20;
  BatchEngine engine(model, mock_tokenizer(), options);
  for (int i = 0; i < 4; ++i) submitted(engine, request_for({kBos, i}, 60));
  for (int i = 0; i < 5; ++i) engine.step();
  model.steps.clear();
  submitted(engine, request_for(text_of_seed(100, 1), 10));
  run(engine);
  for (size_t i = 0; i < 6; ++i) EXPECT_EQ(model.steps[i], (MockModel::Call{5, 20}));  // four tokens, and 16 of the prompt
  EXPECT_EQ(model.steps[6], (MockModel::Call{5, 8}));
  EXPECT_EQ(model.steps[7], (MockModel::Call{5, 5}));
}

TEST(BatchEngine, ALongPromptDoesNotStallTheAnswersBesideIt) {
  MockModel model(scripted(bytes_of(std::string(500, 'x')), 0));
  BatchEngineOptions options;
  options.prompt_budget = 30;
  BatchEngine engine(model, mock_tokenizer(), options);
  submitted(engine, request_for(text_of_seed(300, 1), 100));
  engine.step();
  EXPECT_EQ(model.steps.back(), (MockModel::Call{1, 300}));  // nobody waits: all at once
  submitted(engine, request_for(text_of_seed(100, 2), 10));
  for (const int64_t tokens : {30, 30, 30, 10}) {
    engine.step();
    EXPECT_EQ(model.steps.back(), (MockModel::Call{2, tokens + 1}));
  }
  run(engine);
}

// An endless stream of short requests from one client keeps nobody from coming to the end: not a long one, not one of many answers.
TEST(BatchEngine, NobodyStarves) {
  MockModel model(scripted(bytes_of(std::string(2000, 'x')), 0));
  BatchEngineOptions options;
  options.pages = 12;
  options.max_rows = 6;
  options.token_budget = 16;
  options.max_waiting_per_client = 20;
  BatchEngine engine(model, mock_tokenizer(), options);
  Request small = request_for(hello(), 40), large = request_for(text_of_seed(400, 1), 200), many = request_for(text_of_seed(70, 2), 100);
  small.client = "flood";
  large.client = "large";
  many.client = "many";
  many.n = 6;
  const auto flood = [&] {
    while (engine.submit(small, std::make_shared<Recorder>()) == Admission::kAccepted) {
    }
  };
  flood();
  const auto heard = submitted(engine, large), heard_many = submitted(engine, many);
  int64_t steps = 0;
  for (; steps < 3000 && !(heard->status && heard_many->status); ++steps) {
    flood();
    engine.step();
  }
  EXPECT_LT(steps, 3000);
  EXPECT_TRUE(heard->ok() && heard_many->ok());
  engine.stop(error("enough"));
}

// With one row at a time, who has sent one request waits for one of those who have sent twenty.
TEST(BatchEngine, ClientsTakeTurns) {
  MockModel model;
  BatchEngineOptions options;
  options.max_rows = 1;
  BatchEngine engine(model, mock_tokenizer(), options);
  Request request = request_for(hello(), 3);
  request.client = "a";
  std::vector<std::shared_ptr<Recorder>> greedy;
  for (int i = 0; i < 20; ++i) greedy.push_back(submitted(engine, request));
  request.client = "b";
  const auto modest = submitted(engine, request);
  while (!modest->status) engine.step();
  EXPECT_EQ(std::count_if(greedy.begin(), greedy.end(), [](const auto& r) { return r->status.has_value(); }), 1);
  run(engine);
}

TEST(BatchEngine, RefusesWhatCannotBeAnswered) {
  MockModel model;
  BatchEngineOptions options;
  options.pages = 3;
  options.max_rows = 4;
  BatchEngine engine(model, mock_tokenizer(), options);
  const auto message = [&](auto change) {
    Request request = request_for(hello(), 10);
    change(request);
    const Status status = engine.check(request);
    const auto heard = run_alone(engine, request);  // accepted, and ends with the same words
    EXPECT_EQ(heard->ok(), status.ok());
    EXPECT_TRUE(heard->answers.empty() || status.ok());
    return status.ok() ? "" : status.error().message;
  };
  const auto has = [](const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; };
  EXPECT_EQ(message([](Request&) {}), "");
  EXPECT_TRUE(has(message([](Request& r) { r.prompt.clear(); }), "no token"));
  EXPECT_TRUE(has(message([](Request& r) { r.prompt = {-1}; }), "token -1"));
  EXPECT_TRUE(has(message([](Request& r) { r.prompt = {262}; }), "token 262"));
  EXPECT_TRUE(has(message([](Request& r) { r.prompt.assign(641, 1); }), "641 tokens"));
  EXPECT_TRUE(has(message([](Request& r) { r.prompt.assign(193, 1); }), "192 of the cache"));
  EXPECT_TRUE(has(message([](Request& r) { r.max_tokens = 187; }), "193 positions"));
  EXPECT_EQ(message([](Request& r) { r.max_tokens = 186; }), "");
  EXPECT_TRUE(has(message([](Request& r) { r.max_tokens = -1; }), "max_tokens"));
  EXPECT_TRUE(has(message([](Request& r) { r.min_tokens = 11; }), "min_tokens"));
  EXPECT_TRUE(has(message([](Request& r) { r.n = 0; }), "n must"));
  EXPECT_TRUE(has(message([](Request& r) { r.n = 5; }), "1 to 4"));
  EXPECT_TRUE(has(message([](Request& r) { r.stop_ids = {262}; }), "stop token 262"));
  EXPECT_TRUE(has(message([](Request& r) { r.top_log_probs = -2; }), "top_log_probs"));
  EXPECT_TRUE(has(message([](Request& r) { r.sampling.temperature = -1; }), "temperature"));
  EXPECT_TRUE(has(message([](Request& r) { r.adapter = -2; }), "adapter"));
  EXPECT_TRUE(has(message([](Request& r) { r.adapter = 2; }), "below 2"));
  EXPECT_EQ(message([](Request& r) { r.adapter = 1; }), "");
  EXPECT_TRUE(has(message([](Request& r) { r.grammar = std::make_shared<Digits>(4), r.ignore_terminal = true; }), "grammar"));
  run(engine);
}

class Thrower : public Recorder {
 public:
  explicit Thrower(int place) : place_(place) {}
  bool is_gone() const override { return place_ == 0 ? throw std::runtime_error("socket") : false; }
  void started(std::span<const LogProb> log_probs) override { place_ == 1 ? throw std::runtime_error("socket") : Recorder::started(log_probs); }
  void delta(const Delta& delta) override { place_ == 2 ? throw std::runtime_error("socket") : Recorder::delta(delta); }
  void finished(const Finish& finish) override { place_ == 3 ? throw 7 : Recorder::finished(finish); }
  void done(const Status& status, const Usage& usage) override {
    Recorder::done(status, usage);
    if (place_ == 4) throw std::runtime_error("socket");
  }

 private:
  int place_;
};

TEST(BatchEngine, AListenerThatThrowsEndsItsRequestAlone) {
  MockModel model;
  BatchEngine engine(model, mock_tokenizer(), {});
  for (int place = 0; place < 5; ++place) {
    auto bad = std::make_shared<Thrower>(place);
    engine.submit(request_for(hello(), 4), bad);
    const auto good = submitted(engine, request_for(hello(), 4));
    run(engine);
    EXPECT_TRUE(good->ok());
    EXPECT_EQ(good->answers.at(0).tokens.size(), 4u);
    ASSERT_TRUE(bad->status) << place;
    EXPECT_EQ(bad->ok(), place == 4);
  }
}

// Guesses are counted, save steps where they are right, and change nothing where they are not.
TEST(BatchEngine, ADrafterThatKnowsSavesStepsAndOneThatLiesChangesNothing) {
  Request request = request_for(text_of_seed(30, 1), 100);
  request.calculator.reset();
  request.ignore_terminal = true;
  request.sampling.temperature = 0;
  request.top_log_probs = 1;
  BatchEngineOptions options;
  MockModel plain(scattered());
  BatchEngine engine(plain, mock_tokenizer(), options);
  const auto expected = run_alone(engine, request);
  options.draft_tokens = 4;
  for (const double lies : {0.0, 1.0}) {
    MockModel model(scattered());
    BatchEngine drafting(model, mock_tokenizer(), options, std::make_unique<ScriptedDrafter>(scattered(), lies));
    const auto heard = run_alone(drafting, request);
    EXPECT_EQ(heard->answers.at(0).tokens, expected->answers.at(0).tokens);
    for (size_t t = 0; t < heard->answers.at(0).log_probs.size(); ++t)
      EXPECT_EQ(heard->answers.at(0).log_probs[t].log_prob, expected->answers.at(0).log_probs[t].log_prob);
    EXPECT_LE(heard->usage.accepted_tokens, heard->usage.drafted_tokens);
    EXPECT_GT(heard->usage.drafted_tokens, 20);
    if (lies > 0) continue;
    EXPECT_EQ(heard->usage.accepted_tokens, heard->usage.drafted_tokens);
    EXPECT_LE(model.steps.size(), plain.steps.size() / 4);
  }
}

TEST(BatchEngine, StopEndsEverythingWithTheReason) {
  MockModel model(scripted(bytes_of(std::string(500, 'x')), 0));
  BatchEngineOptions options;
  options.max_rows = 2;
  BatchEngine engine(model, mock_tokenizer(), options);
  std::vector<std::shared_ptr<Recorder>> all;
  for (int i = 0; i < 5; ++i) all.push_back(submitted(engine, request_for(hello(), 50)));
  for (int i = 0; i < 3; ++i) engine.step();
  engine.stop(error("the server is stopping"));
  for (const auto& heard : all) {
    ASSERT_FALSE(heard->ok());
    EXPECT_EQ(heard->status->error().message, "the server is stopping");
  }
  EXPECT_FALSE(engine.step());
  EXPECT_EQ(engine.figures().pages_used, 0);
}

TEST(BatchEngine, CanBeDroppedWithRequestsUnderWay) {
  MockModel model(scattered());
  const auto heard = std::make_shared<Recorder>();
  {
    BatchEngineOptions options;
    options.max_rows = 3;
    options.pages = 20;
    BatchEngine engine(model, mock_tokenizer(), options);
    Request request = request_for(text_of_seed(150, 1), 50);
    request.n = 3;
    engine.submit(request, heard);
    submitted(engine, request);
    for (int i = 0; i < 4; ++i) engine.step();
  }
  EXPECT_FALSE(heard->status);
  EXPECT_EQ(heard.use_count(), 1);
}

// What the model throws comes out of step(); everything can be ended then.
TEST(BatchEngine, WhatTheModelThrowsComesOutOfStep) {
  int64_t calls = 0;
  MockModel model([&](int64_t, const std::vector<int32_t>&, std::span<float> logits) {
    logits['x'] = 50;
    if (++calls == 5) throw std::runtime_error("out of memory");
  });
  BatchEngine engine(model, mock_tokenizer(), {});
  const auto heard = submitted(engine, request_for(hello(), 50));
  for (int i = 0; i < 4; ++i) engine.step();
  EXPECT_THROW(engine.step(), std::runtime_error);
  engine.stop(error("the engine has failed"));
  EXPECT_FALSE(heard->ok());
  EXPECT_EQ(engine.figures().pages_used, 0);
}

TEST(BatchEngine, FiguresAndUsageAddUp) {
  MockModel model(scripted(bytes_of("abc"), 100));
  BatchEngine engine(model, mock_tokenizer(), {});
  Request request = request_for(text_of_seed(100, 1), 20);
  request.n = 2;
  const auto heard = run_alone(engine, request);
  EXPECT_EQ(heard->usage.completion_tokens, 8);  // three and the terminal one, twice
  EXPECT_GE(heard->usage.first_token_seconds, heard->usage.queue_seconds);
  EXPECT_GE(heard->usage.total_seconds, heard->usage.first_token_seconds);
  run_alone(engine, request);
  const EngineFigures figures = engine.figures();
  EXPECT_EQ(figures.prompt_tokens, 200);
  EXPECT_EQ(figures.cached_tokens, 64);
  EXPECT_EQ(figures.generated_tokens, 16);
  EXPECT_EQ(figures.finished, 2);
  EXPECT_EQ(figures.steps, 8);
  EXPECT_EQ(figures.pages_cached, 1);
  EXPECT_EQ(figures.pages, 32);
}

}  // namespace
}  // namespace lathe::infer
