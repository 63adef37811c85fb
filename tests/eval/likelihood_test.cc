#include "eval/likelihood.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "core/parallel.h"
#include "core/rng.h"
#include "tests/ref/testing.h"

namespace lathe::testing {
namespace {

using Groups = std::vector<std::vector<eval::ScoredSpan>>;
using Losses = std::vector<std::vector<eval::SpanLosses>>;

model::ModelConfig tiny_config() {
  model::ModelConfig config;
  config.sequence_len = 96;
  config.rope_length = 400;
  config.vocab_size = 160;
  config.n_layer = 3;
  config.n_head = 4;
  config.n_kv_head = 2;
  config.n_embd = 64;
  return config;
}

// Questions of all shapes: options of one token, of several, equal ones, one a prefix of another, no common token, alone.
Groups questions() {
  Rng rng(11, "likelihood");
  const auto text = [&](int64_t length) {
    std::vector<int32_t> ids;
    for (int64_t i = 0; i < length; ++i) ids.push_back(static_cast<int32_t>(rng.below(160)));
    return ids;
  };
  Groups groups;
  for (const int64_t prefix : {1, 3, 64, 65, 130, 130, 7, 200}) {
    const std::vector<int32_t> shared = text(prefix);
    std::vector<eval::ScoredSpan> options;
    for (const int64_t tail : {1, 4, 4, 9}) {
      eval::ScoredSpan option{shared, prefix, prefix + tail};
      for (const int32_t id : text(tail)) option.ids.push_back(id);
      options.push_back(std::move(option));
    }
    groups.push_back(options);
    groups.push_back({options[0], options[0], {options[0].ids, prefix + 1, prefix + 1}});  // twice the same, and nothing to score
    for (eval::ScoredSpan& option : options) option.start = std::max<int64_t>(1, prefix - 2), option.ids.push_back(3);
    groups.push_back(options);
  }
  groups.push_back({{text(12), 5, 12}});
  groups.push_back({{text(12), 1, 12}, {text(20), 19, 20}});
  groups.push_back({});
  groups.push_back({{text(2), 1, 1}});
  return groups;
}

// Every text by the plain way: one forward pass for it alone, Transformer::loss, the largest logit.
Losses plain(model::Transformer& model, ops::Context& ctx, const Groups& groups) {
  Losses out;
  for (const auto& group : groups) {
    out.emplace_back();
    for (const eval::ScoredSpan& span : group) {
      out.back().emplace_back();
      eval::SpanLosses& losses = out.back().back();
      autograd::Tape tape(ctx, false);
      model::Batch batch;
      const auto n = static_cast<int64_t>(span.ids.size());
      batch.ids = Tensor::empty({n}, DType::kInt32);
      const Tensor targets = Tensor::empty({n}, DType::kInt32);
      for (int64_t i = 0; i < n; ++i) {
        batch.ids.data<int32_t>()[i] = span.ids[static_cast<size_t>(i)];
        targets.data<int32_t>()[i] = i + 1 < n ? span.ids[static_cast<size_t>(i) + 1] : -1;
      }
      const autograd::Var hidden = model.forward(tape, batch);
      const Tensor nll = model.loss(tape, hidden, targets, Tensor()), logits = model.logits(ctx, hidden.value);
      losses.all_predicted = true;
      for (int64_t t = span.start; t < span.end; ++t) {
        losses.nll.push_back(nll.data<float>()[t - 1]);
        const float* row = logits.data<float>() + (t - 1) * logits.dim(1);
        int32_t best = 0;
        for (int32_t v = 1; v < logits.dim(1); ++v)
          if (row[v] > row[best]) best = v;
        losses.predicted.push_back(best);
        losses.all_predicted = losses.all_predicted && best == span.ids[static_cast<size_t>(t)];
      }
    }
  }
  return out;
}

bool same_bits(float a, float b) { return std::bit_cast<uint32_t>(a) == std::bit_cast<uint32_t>(b); }

void expect_same_bits(const Losses& a, const Losses& b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t g = 0; g < a.size(); ++g) {
    ASSERT_EQ(a[g].size(), b[g].size());
    for (size_t o = 0; o < a[g].size(); ++o) {
      SCOPED_TRACE(std::to_string(g) + "/" + std::to_string(o));
      ASSERT_EQ(a[g][o].nll.size(), b[g][o].nll.size());
      EXPECT_TRUE(std::equal(a[g][o].nll.begin(), a[g][o].nll.end(), b[g][o].nll.begin(), same_bits));
      EXPECT_EQ(a[g][o].predicted, b[g][o].predicted);
      EXPECT_EQ(a[g][o].all_predicted, b[g][o].all_predicted);
    }
  }
}

class Likelihood : public ::testing::TestWithParam<DType> {
 protected:
  Likelihood() : model_(tiny_config(), GetParam()) { model_.initialise(4); }
  ~Likelihood() override { set_num_threads(threads_); }
  Losses score(const Groups& groups, const eval::LikelihoodOptions& options = {}) {
    return take(eval::score_spans(model_, ctx_, groups, options));
  }
  const int threads_ = num_threads();
  model::Transformer model_;
  ops::Context ctx_;
};

// L-6.9, C-7.17: the bits are those of every text alone through forward() and loss().
TEST_P(Likelihood, LossesAreThoseOfEveryTextAlone) {
  const Groups groups = questions();
  expect_same_bits(score(groups), plain(model_, ctx_, groups));
}

// L-6.9
TEST_P(Likelihood, BatchesPrefixesAndThreadsDoNotChangeABit) {
  const Groups groups = questions();
  const Losses expected = score(groups);
  for (const bool share : {true, false})
    for (const int64_t tokens : {1, 70, 500, 100000})
      for (const int threads : {1, 2}) {
        SCOPED_TRACE(std::to_string(share) + " " + std::to_string(tokens) + " " + std::to_string(threads));
        set_num_threads(threads);
        eval::LikelihoodOptions options;
        options.share_prefix = share;
        options.batch_tokens = tokens;
        expect_same_bits(score(groups, options), expected);
      }
}

// L-6.9
TEST_P(Likelihood, OrderDoesNotChangeABit) {
  const Groups groups = questions();
  const Losses expected = score(groups);
  Groups turned(groups.rbegin(), groups.rend());
  for (auto& group : turned) std::reverse(group.begin(), group.end());
  Losses got = score(turned);
  for (auto& group : got) std::reverse(group.begin(), group.end());
  std::reverse(got.begin(), got.end());
  expect_same_bits(got, expected);
}

// C-7.15
TEST_P(Likelihood, AnEmptySpanHasNoMean) {
  const Losses losses = score({{{{1, 2, 3}, 2, 2}, {{1, 2, 3}, 1, 3}}});
  EXPECT_TRUE(std::isnan(losses[0][0].mean()));
  EXPECT_EQ(losses[0][0].sum(), 0);
  EXPECT_TRUE(losses[0][0].all_predicted);
  EXPECT_EQ(losses[0][1].nll.size(), 2u);
  EXPECT_DOUBLE_EQ(losses[0][1].mean(), losses[0][1].sum() / 2);
}

TEST_P(Likelihood, ProgressReachesAllTextsAndCancellingEndsIt) {
  const Groups groups = questions();
  int64_t texts = 0, last = 0, asked = 0;
  for (const auto& group : groups) texts += static_cast<int64_t>(group.size());
  eval::LikelihoodOptions options;
  options.on_progress = [&](int64_t done) {
    EXPECT_GE(done, last);
    last = done;
  };
  score(groups, options);
  EXPECT_EQ(last, texts);
  options.on_progress = nullptr;
  options.is_cancelled = [&] { return ++asked > 3; };
  const auto stopped = eval::score_spans(model_, ctx_, groups, options);
  ASSERT_FALSE(stopped.ok());
  EXPECT_NE(stopped.error().message.find("cancelled"), std::string::npos);
  EXPECT_EQ(asked, 4);
}

INSTANTIATE_TEST_SUITE_P(DTypes, Likelihood, ::testing::Values(DType::kFloat32, DType::kBFloat16));

class LikelihoodErrors : public ::testing::Test {
 protected:
  LikelihoodErrors() : model_(tiny_config(), DType::kFloat32) { model_.initialise(4); }
  std::string error_of(const Groups& groups) {
    const auto result = eval::score_spans(model_, ctx_, groups);
    return result.ok() ? "" : result.error().to_string();
  }
  model::Transformer model_;
  ops::Context ctx_;
};

// C-7.18: a span cannot begin at 0, where nothing stands before it.
TEST_F(LikelihoodErrors, SpansOutsideTheirTextAreRefused) {
  for (const auto& span : std::vector<std::pair<int64_t, int64_t>>{{0, 2}, {-1, 2}, {2, 1}, {1, 4}, {4, 4}})
    EXPECT_NE(error_of({{{{1, 2, 3}, span.first, span.second}}}).find("cannot be scored"), std::string::npos) << span.first << " " << span.second;
  EXPECT_EQ(error_of({{{{1, 2, 3}, 3, 3}}}), "");
}

TEST_F(LikelihoodErrors, TextsThatTheModelCannotReadAreRefused) {
  EXPECT_NE(error_of({{{{}, 1, 1}}}).find("no tokens"), std::string::npos);
  EXPECT_NE(error_of({{{{1, 160}, 1, 2}}}).find("token 160 of a vocabulary of 160"), std::string::npos);
  EXPECT_NE(error_of({{}, {{{1, -1}, 1, 1}}}).find("question 1: token -1"), std::string::npos);
  EXPECT_NE(error_of({{{std::vector<int32_t>(401, 1), 1, 2}}}).find("401 tokens, but the model has 400 positions"), std::string::npos);
  EXPECT_EQ(error_of({{{std::vector<int32_t>(400, 1), 1, 400}}}), "");
}

TEST_F(LikelihoodErrors, DamagedWeightsAreNotAResult) {
  model_.find("lm_head.weight")->value.data<float>()[5] = std::nanf("");
  EXPECT_NE(error_of({{{{1, 2, 3}, 1, 3}}}).find("not finite"), std::string::npos);
}

}  // namespace
}  // namespace lathe::testing
