#include "eval/boolq.h"

#include "tests/infer/mock_model.h"

namespace lathe::testing {
namespace {

class Boolq : public ::testing::Test {
 protected:
  Boolq() : tokenizer_(infer::testing::chat_tokenizer()), model_(config(), DType::kFloat32) { model_.initialise(9); }
  model::ModelConfig config() const {
    model::ModelConfig config;
    config.sequence_len = 96;
    config.vocab_size = tokenizer_.vocab_size();
    config.n_layer = 2;
    config.n_head = config.n_kv_head = 2;
    config.n_embd = 32;
    return config;
  }
  fs::path write(const std::string& lines) {
    const fs::path file = folder_.path() / "boolq.jsonl";
    check(write_file_atomic(file, lines));
    return file;
  }
  std::vector<eval::BoolqItem> items() const {
    std::vector<eval::BoolqItem> out;
    for (int i = 0; i < 9; ++i) out.push_back({"The sky number " + std::to_string(i * i) + " is blue.", "is sky " + std::to_string(i) + " blue", i % 3 != 0});
    return out;
  }
  eval::BoolqScore score(std::span<const eval::BoolqItem> some, int64_t batch_tokens = 8192) {
    eval::BoolqOptions options;
    options.start = tokenizer_.bos_id();
    options.batch_tokens = batch_tokens;
    return take(eval::score_boolq(model_, tokenizer_, ctx_, some, options));
  }
  // Sum over the answer's tokens, each from a forward pass of its own.
  double slow(const std::string& prompt, const std::string& answer) {
    std::vector<int32_t> ids = tokenizer_.encode(prompt + answer);
    ids.insert(ids.begin(), tokenizer_.bos_id());
    double sum = 0;
    for (size_t at = ids.size() - answer.size(); at < ids.size(); ++at) {
      std::vector<int32_t> some(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(at)), targets(at, -1);
      targets.back() = ids[at];
      autograd::Tape tape(ctx_, false);
      model::Batch batch;
      const auto n = static_cast<int64_t>(at);
      batch.ids = Tensor::borrow(some.data(), {n}, DType::kInt32);
      sum -= static_cast<double>(model_.loss(tape, model_.forward(tape, batch), Tensor::borrow(targets.data(), {n}, DType::kInt32), Tensor()).span<float>().back());
    }
    return sum;
  }

  TemporaryFolder folder_;
  tokenizer::Tokenizer tokenizer_;
  model::Transformer model_;
  ops::Context ctx_;
};

// L-6.3
TEST_F(Boolq, HasTheFormOfThePublicHarness) {
  const auto own = take(eval::read_boolq(write("{\"passage\": \"Cats purr.\", \"question\": \"do cats purr\", \"answer\": true}\n"
                                                "{\"passage\": \"Cats purr.\", \"question\": \"do dogs purr?\", \"label\": 0}\n")));
  ASSERT_EQ(own.size(), 2u);
  EXPECT_EQ(own[0].prompt(), "Cats purr.\nQuestion: do cats purr?\nAnswer:");
  EXPECT_TRUE(own[0].yes);
  EXPECT_EQ(own[1].prompt(), "Cats purr.\nQuestion: do dogs purr?\nAnswer:");
  EXPECT_FALSE(own[1].yes);
  const auto core = take(eval::read_boolq(write("{\"query\": \"Passage: As in\\nQuestion: none. Cats purr.\\nQuestion: do cats purr?\", \"choices\": [\"no\", \"yes\"], \"gold\": 1}\n")));
  EXPECT_EQ(core[0].prompt(), "As in\nQuestion: none. Cats purr.\nQuestion: do cats purr?\nAnswer:");
  EXPECT_TRUE(core[0].yes);
}

// L-6.3: sums over the tokens of " yes" and " no".
TEST_F(Boolq, SumsTheAnswersTokens) {
  const std::vector<eval::BoolqItem> all = items();
  const eval::BoolqScore result = score(all);
  ASSERT_EQ(result.n, 9);
  int64_t correct = 0;
  for (size_t i = 0; i < all.size(); ++i) {
    EXPECT_NEAR(result.answers[i].yes, slow(all[i].prompt(), " yes"), 1e-5);
    EXPECT_NEAR(result.answers[i].no, slow(all[i].prompt(), " no"), 1e-5);
    EXPECT_EQ(result.answers[i].says_yes, result.answers[i].yes > result.answers[i].no);
    correct += result.answers[i].says_yes == all[i].yes;
  }
  EXPECT_EQ(result.correct, correct);
  EXPECT_EQ(result.yes, 6);
  EXPECT_DOUBLE_EQ(result.majority(), 6.0 / 9);
}

// L-6.9, L-8.10: order and batch change no bit, nothing but the two sums decides.
TEST_F(Boolq, OrderAndBatchChangeNoBit) {
  std::vector<eval::BoolqItem> all = items();
  const eval::BoolqScore before = score(all);
  std::reverse(all.begin(), all.end());
  const eval::BoolqScore after = score(all, 64);
  for (size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(before.answers[i].yes, after.answers[all.size() - 1 - i].yes);
    EXPECT_EQ(before.answers[i].no, after.answers[all.size() - 1 - i].no);
  }
}

// L-6.4
TEST_F(Boolq, SaysWhenAScoreCannotBeToldFromTheMajority) {
  eval::BoolqScore result;
  result.n = 100, result.correct = 65, result.yes = 62;
  EXPECT_EQ(result.verdict(), "not distinguishable from chance");
  EXPECT_NEAR(result.interval().low, 0.5525, 1e-3);
  EXPECT_NEAR(result.interval().high, 0.7364, 1e-3);
  result.n = 3270, result.correct = 2126, result.yes = 2033;
  EXPECT_NEAR(result.majority(), 0.6217, 1e-4);
  EXPECT_EQ(result.verdict(), "better than chance");
  const Json figure = result.to_json();
  EXPECT_TRUE(figure.at("full_set").as_bool());
  EXPECT_NEAR(figure.at("majority_baseline").as_double(), 0.6217, 1e-4);
}

// L-6.3: the full set of 3,270, 62.2 % of it yes.
TEST(BoolqSet, HasItsPublishedSizeAndMajority) {
  const fs::path file = real_data("eval_bundle/eval_data/reading_comprehension/boolq.jsonl");
  LATHE_NEEDS(file);
  const auto items = take(eval::read_boolq(file));
  EXPECT_EQ(std::ssize(items), eval::kBoolqValidation);
  EXPECT_EQ(std::count_if(items.begin(), items.end(), [](const eval::BoolqItem& item) { return item.yes; }), 2033);
  EXPECT_TRUE(items[0].prompt().ends_with("\nQuestion: does ethanol take more energy make that produces?\nAnswer:"));
  for (const eval::BoolqItem& item : items) EXPECT_FALSE(item.passage.starts_with("Passage:")) << item.question;
}

TEST_F(Boolq, ALongPassageLosesItsBeginning) {
  std::vector<eval::BoolqItem> all = {{std::string(500, 'x') + " end.", "is it so", true}, {"Short.", "is it so", true}};
  const eval::BoolqScore result = score(all);
  EXPECT_EQ(result.cut, 1);
  all[0].passage = std::string(900, 'y') + all[0].passage;  // what was cut away decides nothing
  EXPECT_EQ(score(all).answers[0].yes, result.answers[0].yes);
  all[0].question = std::string(500, 'q');
  EXPECT_EQ(score(all).cut, 1);
}

TEST_F(Boolq, DamagedLinesAreNamed) {
  for (const auto& [line, expected] : std::vector<std::pair<std::string, std::string>>{
           {"{\"passage\": 3}", "line 2: needs the keys"},
           {"{\"query\": \"no form\", \"choices\": [\"no\", \"yes\"], \"gold\": 1}", "line 2: query is not"},
           {"{\"query\": \"Passage: a\\nQuestion: b?\", \"choices\": [\"no\", \"yes\"], \"gold\": 7}", "line 2: gold"},
           {"{\"query\": \"Passage: a\\nQuestion: b?\", \"choices\": [\"A\", \"B\"], \"gold\": 1}", "line 2: the choices"},
           {"{broken", "line 2"},
           {"[1]", "line 2: is no JSON object"}}) {
    const auto result = eval::read_boolq(write("{\"passage\": \"a\", \"question\": \"b\", \"answer\": true}\n" + line + "\n"));
    ASSERT_FALSE(result.ok()) << line;
    EXPECT_NE(result.error().to_string().find(expected), std::string::npos) << result.error().to_string();
  }
  EXPECT_FALSE(eval::read_boolq(write("\n")).ok());
}

TEST_F(Boolq, AnswersAreKept) {
  const std::vector<eval::BoolqItem> all = items();
  const std::vector<Json> lines = eval::boolq_answers(all, score(all));
  ASSERT_EQ(lines.size(), all.size());
  for (size_t i = 0; i < lines.size(); ++i) {
    EXPECT_EQ(lines[i].at("index").as_int(), static_cast<int64_t>(i));
    EXPECT_EQ(lines[i].at("correct").as_bool(), lines[i].at("answer").as_string() == lines[i].at("expected").as_string());
  }
}

}  // namespace
}  // namespace lathe::testing
