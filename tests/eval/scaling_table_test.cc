// The tables and the page of scaling experiments.
#include "eval/scaling_table.h"

#include <gtest/gtest.h>

#include <cmath>

#include "eval/scaling_page.h"
#include "tests/ref/testing.h"

namespace lathe::eval {
namespace {

Json trainer_figures() {
  return testing::take(parse_json(R"({"val_bpb": 1.25, "total_training_time": 12.5, "flops_per_token": 100.0,
      "parameter_counts": {"wte": 10, "value_embeds": 20, "lm_head": 30, "transformer_matrices": 400, "scalars": 5, "total": 465},
      "scaling_parameters": 430, "model_dim": 96, "num_iterations": 7, "total_batch_size": 1000, "tokens": 7000})"));
}

// C-14.5, C-14.6, C-14.7: every cell is the trainer's own figure: no batch and no width are assumed.
TEST(ScalingTable, ColumnsOfTheGridAndOfTheMiniseries) {
  const ScalingRow row = testing::take(row_of_figures("2.15e18", 3, trainer_figures(), "log"));
  EXPECT_EQ(csv_header(ScalingKind::kGrid),
            "flops_budget,depth,model_dim,params_wte,params_bigram_embed,params_value_embeds,params_lm_head,params_transformer,params_scalars,params_total,"
            "num_iterations,tokens_trained,val_bpb,core_score,train_time_sec");
  EXPECT_EQ(csv_line(ScalingKind::kGrid, row), "2.15e18,3,96,10,,20,30,400,5,465,7,7000,1.250000,0.0,12.500");
  EXPECT_EQ(csv_header(ScalingKind::kMiniseries),
            "depth,model_dim,num_params,num_scaling_params,num_iterations,tokens_trained,param_data_ratio,val_bpb,core_score,train_time_sec");
  EXPECT_EQ(csv_line(ScalingKind::kMiniseries, row), "3,96,465,430,7,7000,16.28,1.250000,0.0,12.500");
  EXPECT_TRUE(row.to_json(ScalingKind::kGrid).at("core_score").is_null()) << "what was not measured is no number";

  Json scored = trainer_figures();
  scored["core_metric"] = 0.0;
  EXPECT_EQ(csv_line(ScalingKind::kGrid, testing::take(row_of_figures("1e18", 3, scored, "log"))), "1e18,3,96,10,,20,30,400,5,465,7,7000,1.250000,0.000000,12.500");
  Json torn = trainer_figures();
  torn["tokens"] = nullptr;
  const auto missing = row_of_figures("1e18", 3, torn, "the.log");
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().path, "the.log");
  EXPECT_NE(missing.error().message.find("\"tokens\""), std::string::npos);
}

TEST(ScalingTable, ReadsBackWhatItWroteAndNamesADamagedLine) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "results.csv";
  EXPECT_TRUE(testing::take(read_scaling_csv(ScalingKind::kGrid, path)).empty());
  std::vector<ScalingRow> rows = {testing::take(row_of_figures("1e18", 3, trainer_figures(), "")), testing::take(row_of_figures("1e18", 4, trainer_figures(), ""))};
  rows[1].core = 0.25;
  rows[1].val_bpb.reset();
  testing::check(write_scaling_csv(ScalingKind::kGrid, path, rows));
  const std::vector<ScalingRow> back = testing::take(read_scaling_csv(ScalingKind::kGrid, path));
  ASSERT_EQ(back.size(), 2U);
  for (size_t i = 0; i < 2; ++i) EXPECT_EQ(csv_line(ScalingKind::kGrid, back[i]), csv_line(ScalingKind::kGrid, rows[i]));
  EXPECT_FALSE(back[0].core.has_value());
  EXPECT_FALSE(back[1].val_bpb.has_value());
  EXPECT_EQ(back[0].scaling, 430);

  const std::string good = testing::take(read_file(path));
  const std::pair<const char*, const char*> damages[] = {{"1e18,5,96,1\n", "line 4 has 4 cells, 15 are right"}, {"1e18,5,96,10,,20,30,400,x,465,7,7000,1.2,0.0,1\n", "line 4: \"x\" is no params_scalars"},
                                                         {"-1,5,96,10,,20,30,400,5,465,7,7000,1.2,0.0,1\n", "line 4: \"-1\" is no flops_budget"}};
  for (const auto& damage : damages) {
    testing::check(write_file_atomic(path, good + damage.first));
    const auto damaged = read_scaling_csv(ScalingKind::kGrid, path);
    ASSERT_FALSE(damaged.ok());
    EXPECT_NE(damaged.error().message.find(damage.second), std::string::npos) << damaged.error().message;
  }
  EXPECT_FALSE(read_scaling_csv(ScalingKind::kMiniseries, path).ok()) << "the other table's header";
  const std::string table = aligned_table(ScalingKind::kGrid, rows);
  EXPECT_NE(table.find("flops_budget  depth  model_dim"), std::string::npos);
  EXPECT_NE(table.find("1e18          3      96         10          -  "), std::string::npos) << table;
}

// C-14.7
TEST(ScalingPage, OfAMiniseriesSaysThatCoreWasNotRun) {
  ScalingStudy study;
  study.kind = ScalingKind::kMiniseries;
  study.title = "Miniseries <b>";
  study.parameters = "all";
  for (int64_t depth : {2, 3, 4}) {
    study.rows.push_back(testing::take(row_of_figures("", depth, trainer_figures(), "")));
    study.runs.push_back({1e9 * static_cast<double>(depth), 1e9 * static_cast<double>(depth), 430.0 * static_cast<double>(depth), 7000, 1.25, {}});
  }
  const ScalingPage page = make_scaling_page(study);
  EXPECT_NE(page.html.find("CORE: not run."), std::string::npos);
  EXPECT_EQ(page.html.find("<b>"), std::string::npos) << "a title is text";
  EXPECT_EQ(page.json.at("rows").size(), 3U);
  std::vector<std::string> names;
  for (const auto& picture : page.pictures) names.push_back(picture.first);
  EXPECT_EQ(names, (std::vector<std::string>{"loss.svg", "flops.svg"}));
  for (ScalingRow& row : study.rows) row.core = 0.1;
  EXPECT_EQ(make_scaling_page(study).pictures.at(1).first, "core.svg");
}

TEST(ScalingPage, OfAGridWithoutARunThatCanBeUsedIsStillAPage) {
  ScalingStudy study;
  study.title = "Grid";
  study.rows.push_back(testing::take(row_of_figures("1e18", 3, trainer_figures(), "")));
  study.runs.push_back({1e18, 1e18, 430, 7000, std::nan(""), {}});
  const ScalingPage page = make_scaling_page(study);
  EXPECT_NE(page.html.find("No law: "), std::string::npos);
  EXPECT_EQ(page.html.find("nan"), std::string::npos);
}

}  // namespace
}  // namespace lathe::eval
