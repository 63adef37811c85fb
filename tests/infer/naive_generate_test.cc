#include "infer/naive_generate.h"

#include "tests/infer/mock_model.h"

namespace lathe::infer {
namespace {

using namespace testing;
using lathe::testing::take;

void counting(int64_t, const std::vector<int32_t>& seen, std::span<float> logits) { logits[seen.size() * 3 % 256] = 9; }

// C-3.32
TEST(NaiveGenerate, StreamsTheGreedyContinuation) {
  MockModel model(counting);
  SamplingOptions greedy;
  greedy.temperature = 0;
  std::vector<int32_t> streamed;
  const auto tokens = take(naive_generate(model, hello(), 5, greedy, [&](int32_t token) {
    streamed.push_back(token);
    return true;
  }));
  EXPECT_EQ(tokens, (std::vector<int32_t>{18, 21, 24, 27, 30}));
  EXPECT_EQ(streamed, tokens);
}

// C-3.32
TEST(NaiveGenerate, ItsTopKKeepsTies) {
  MockModel model([](int64_t, const std::vector<int32_t>&, std::span<float> logits) {
    for (const size_t token : {10u, 20u, 30u, 40u}) logits[token] = 40;
  });
  SamplingOptions options;
  options.top_k = 1;
  std::vector<bool> seen(256);
  for (uint64_t seed = 0; seed < 40; ++seed) {
    options.seed = seed;
    seen[static_cast<size_t>(take(naive_generate(model, hello(), 1, options))[0])] = true;
  }
  EXPECT_TRUE(seen[10] && seen[20] && seen[30] && seen[40]);
}

// C-10.21
TEST(SelfTest, EqualLoopsPassAndABrokenCacheIsNamed) {
  MockModel sound(counting);
  Engine engine(sound, mock_tokenizer());
  const SelfTest good = take(run_self_test(engine, hello(), 64));
  EXPECT_TRUE(good.ok());
  EXPECT_EQ(good.engine.size(), 64u);
  EXPECT_EQ(good.naive, good.engine);

  class Forgetful : public MockModel {  // its cached path loses the third token
   public:
    using MockModel::MockModel;
    Tensor forward(std::span<const int32_t> ids, model::KvCache& cache) override {
      const Tensor logits = MockModel::forward(ids, cache);
      if (cache.length() == 8) logits.data<float>()[200] = 99;
      return logits;
    }
  };
  Forgetful broken(counting);
  Engine broken_engine(broken, mock_tokenizer());
  const SelfTest bad = take(run_self_test(broken_engine, hello(), 16));
  EXPECT_EQ(bad.first_mismatch, 2);
  EXPECT_NE(bad.to_string().find("MISMATCH at token 2: 24 without, 200 with cache"), std::string::npos)
      << bad.to_string();
}

}  // namespace
}  // namespace lathe::infer
