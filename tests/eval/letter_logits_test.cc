#include "eval/letter_logits.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/parallel.h"
#include "core/rng.h"
#include "infer/transformer_model.h"
#include "tests/infer/mock_model.h"

namespace lathe::testing {
namespace {

using infer::testing::MockModel;

// A small transformer of the chat family, and prompts of a few lengths.
class LetterLogits : public ::testing::TestWithParam<DType> {
 protected:
  LetterLogits() : tokenizer_(infer::testing::chat_tokenizer()), transformer_(config(), GetParam()), model_(transformer_), engine_(model_, tokenizer_) {
    transformer_.initialise(7);
    transformer_.refresh_compute();
    Rng rng(3, "test/prompts");
    for (size_t i = 0; i < 24; ++i) {
      std::vector<int32_t> ids(9 + i * 7 % 5);
      for (int32_t& id : ids) id = static_cast<int32_t>(rng.below(256));
      prompts_.push_back(std::move(ids));
      letters_.push_back(i % 2 == 0 ? std::vector<std::string>{"A", "B", "C", "D"} : std::vector<std::string>{"1", "2", "3"});
    }
  }
  model::ModelConfig config() const {
    model::ModelConfig c;
    c.sequence_len = 64;
    c.vocab_size = tokenizer_.vocab_size();
    c.n_layer = 2;
    c.n_head = c.n_kv_head = 2;
    c.n_embd = 64;
    return c;
  }
  std::vector<std::vector<float>> logits(const std::vector<size_t>& order, size_t batch) {
    std::vector<std::vector<float>> out(order.size());
    for (size_t begin = 0; begin < order.size(); begin += batch) {
      std::vector<std::vector<int32_t>> prompts;
      std::vector<std::vector<std::string>> letters;
      const size_t end = std::min(begin + batch, order.size());
      for (size_t i = begin; i < end; ++i) {
        prompts.push_back(prompts_[order[i]]);
        letters.push_back(letters_[order[i]]);
      }
      const auto some = take(eval::letter_logits(engine_, prompts, letters));
      for (size_t i = begin; i < end; ++i) out[order[i]] = some[i - begin];
    }
    return out;
  }

  tokenizer::Tokenizer tokenizer_;
  model::Transformer transformer_;
  infer::TransformerModel model_;
  infer::Engine engine_;
  std::vector<std::vector<int32_t>> prompts_;
  std::vector<std::vector<std::string>> letters_;
};

// C-7.27: no prompt is filled up, so no other prompt can matter.
TEST_P(LetterLogits, AreTheSameBitsInEveryBatchOrderAndTeam) {
  std::vector<size_t> order(prompts_.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  const auto alone = logits(order, 1);
  for (const auto& one : alone) ASSERT_NE(one[0], one[1]);
  const auto same = [&](const std::vector<std::vector<float>>& other, const char* what) {
    for (size_t i = 0; i < alone.size(); ++i) {
      ASSERT_EQ(other[i].size(), alone[i].size());
      EXPECT_EQ(std::memcmp(other[i].data(), alone[i].data(), alone[i].size() * sizeof(float)), 0) << what << ", prompt " << i;
    }
  };
  for (const size_t batch : {3u, 8u, 24u}) same(logits(order, batch), "batches");
  std::reverse(order.begin(), order.end());
  std::rotate(order.begin(), order.begin() + 5, order.end());
  same(logits(order, 7), "order");
  const int threads = num_threads();
  for (const int team : {1, 2, 5}) {
    set_num_threads(team);
    same(logits(order, 8), "threads");
  }
  set_num_threads(threads);
}

INSTANTIATE_TEST_SUITE_P(BothTypes, LetterLogits, ::testing::Values(DType::kFloat32, DType::kBFloat16), [](const auto& info) { return std::string(dtype_name(info.param)); });

// C-7.27: in as few passes as there are lengths.
TEST(LetterLogitsOfAMock, PromptsOfOneLengthGoTogether) {
  const tokenizer::Tokenizer tokenizer = infer::testing::chat_tokenizer();
  MockModel model([](int64_t, const std::vector<int32_t>& seen, std::span<float> out) { out['A'] = static_cast<float>(seen[0]); }, tokenizer.vocab_size());
  infer::Engine engine(model, tokenizer);
  const std::vector<std::vector<int32_t>> prompts = {{5, 1}, {6, 1, 1}, {7, 1}, {8, 1, 1}, {9, 1}};
  const std::vector<std::vector<std::string>> letters(5, {"A", "B"});
  const auto out = take(eval::letter_logits(engine, prompts, letters));
  for (size_t i = 0; i < 5; ++i) EXPECT_EQ(out[i], (std::vector<float>{static_cast<float>(5 + i), 0}));
  EXPECT_EQ(model.calls, (std::vector<MockModel::Call>{{3, 2}, {2, 3}}));
}

TEST(LetterLogitsOfAMock, WhatCannotBeAskedIsNamed) {
  const tokenizer::Tokenizer tokenizer = infer::testing::chat_tokenizer();
  float value = 1;
  MockModel model([&](int64_t, const std::vector<int32_t>&, std::span<float> out) { out['A'] = value; }, tokenizer.vocab_size());
  infer::Engine engine(model, tokenizer);
  const auto fault = [&](const std::vector<int32_t>& prompt, const std::vector<std::string>& letters) {
    const auto result = eval::letter_logits(engine, {&prompt, 1}, {&letters, 1});
    return result.ok() ? std::string() : result.error().to_string();
  };
  EXPECT_EQ(fault({1}, {"A"}), "");
  EXPECT_NE(fault({}, {"A"}).find("no token"), std::string::npos);
  EXPECT_NE(fault({1}, {}).find("without letters"), std::string::npos);
  EXPECT_NE(fault({1}, {"A", "AB"}).find("2 tokens of \"AB\""), std::string::npos);
  EXPECT_NE(fault(std::vector<int32_t>(641, 1), {"A"}).find("640 positions"), std::string::npos);
  value = NAN;
  EXPECT_NE(fault({1}, {"A"}).find("damaged"), std::string::npos);
}

TEST(BestLetter, IsTheFirstOfEquals) {
  EXPECT_EQ(eval::best_letter(std::vector<float>{1, 3, 3, 2}), 1u);
  EXPECT_THROW(eval::best_letter({}), std::invalid_argument);
}

}  // namespace
}  // namespace lathe::testing
