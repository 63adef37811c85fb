#include "tests/corpus/pipeline_fixture.h"

namespace lathe::corpus {
namespace {

class Analysis : public PipelineTest {};

// L-2.37, L-2.7
TEST_F(Analysis, PlansFromASampleWithoutShards) {
  write_records(root / "a.jsonl", made_texts(1, 3000, 40));
  write_records(root / "b.jsonl", made_texts(2, 200, 40));
  auto wanted = settings({{"a", root / "a.jsonl"}, {"b", root / "b.jsonl"}}, R"(, "processing_params": {"shard_size": 1000})");
  wanted.mix.sources[0].token_budget = 40000;
  const auto analysis = take(analyze_corpus(wanted));
  EXPECT_TRUE(analysis.budget_met);
  EXPECT_TRUE(records(root / "out").empty());
  const Json plan = take(read_json(root / "out" / "plan.json"));
  EXPECT_EQ(plan, analysis.plan);
  const Json &a = plan.at("sources").at(size_t{0}), &b = plan.at("sources").at(1);
  EXPECT_EQ(a.at("sampled_documents").as_int(), 1000);
  EXPECT_NEAR(a.at("estimated_tokens").as_double(), 40000, 1);
  EXPECT_NEAR(a.at("available_tokens").as_double(), 3000 * 40 * 6.1 / 4, 20000);
  EXPECT_EQ(a.at("expected_shards").as_int(), 1);
  EXPECT_EQ(b.at("documents").as_int(), 200);  // the sample is the source
  EXPECT_NEAR(a.at("share").as_double() + b.at("share").as_double(), 1, 1e-9);
  for (const char* key : {"disk_bytes", "free_disk_bytes", "expected_shards", "documents"}) EXPECT_GT(plan.at(key).as_int(), 0) << key;
  EXPECT_EQ(take(analyze_corpus(wanted)).plan.at("sources").dump(), plan.at("sources").dump());  // drawn the same way again
  take(prepare_corpus(wanted));  // the plan is in nobody's way
  EXPECT_FALSE(records(root / "out").empty());
}

// L-2.37
TEST_F(Analysis, SaysWhenABudgetCannotBeMet) {
  write_records(root / "a.jsonl", made_texts(1, 300, 40));
  auto wanted = settings({{"a", root / "a.jsonl"}}, "", R"(, "token_budget": 1000000)");
  EXPECT_FALSE(take(analyze_corpus(wanted)).budget_met);
  EXPECT_FALSE(take(read_json(root / "out" / "plan.json")).at("sources").at(size_t{0}).at("budget_met").as_bool());
}

}  // namespace
}  // namespace lathe::corpus
