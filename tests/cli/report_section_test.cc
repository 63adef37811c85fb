#include "cli/report_section.h"

#include <gtest/gtest.h>

#include <limits>

#include "tests/ref/testing.h"

namespace lathe::cli {
namespace {

// C-13.2
TEST(ReportSection, HasAHeadItemsAndAnEmptyLineAndReplacesTheFormerOne) {
  const TemporaryFolder base;
  const FakeClock clock;
  const Json flags(Json::Object{{"depth", 4}, {"run", "dummy"}});
  testing::take(write_report_section(base.path(), "Base model training", {Json("old")}, clock));
  const fs::path file = testing::take(write_report_section(base.path(), "Base model training", {flags, Json("one line\n")}, clock));
  EXPECT_EQ(file, base.path() / "report" / "base-model-training.md");
  EXPECT_EQ(testing::take(read_file(file)),
            "## Base model training\ntimestamp: 2000-01-01 00:00:00\n\n- depth: 4\n- run: dummy\none line\n\n");
}

// C-13.3, C-13.18
TEST(ReportSection, ValuesArePrintedAsPythonPrintsThem) {
  EXPECT_EQ(report_value(Json(0.12345)), "0.1235");
  EXPECT_EQ(report_value(Json(1e6)), "1000000.0000");
  EXPECT_EQ(report_value(Json(9999)), "9999");
  EXPECT_EQ(report_value(Json(10000)), "10,000");
  EXPECT_EQ(report_value(Json(-1234567)), "-1234567");
  EXPECT_EQ(report_value(Json()), "None");
  EXPECT_EQ(report_value(Json(true)), "True");
  EXPECT_EQ(report_value(Json(false)), "False");
  EXPECT_EQ(report_value(Json("as it is")), "as it is");
  EXPECT_EQ(report_value(Json(std::numeric_limits<double>::infinity())), "inf");
  EXPECT_EQ(report_value(Json(std::numeric_limits<double>::quiet_NaN())), "nan");
}

// C-13.3
TEST(ReportSection, EmptyItemsAreLeftOut) {
  const TemporaryFolder base;
  const std::vector<Json> items = {Json(), Json(""), Json(0), Json(false), Json::object(), Json::array(), Json(Json::Object{{"kept", 0}})};
  const fs::path file = testing::take(write_report_section(base.path(), "SFT", items, FakeClock()));
  EXPECT_EQ(testing::take(read_file(file)), "## SFT\ntimestamp: 2000-01-01 00:00:00\n\n- kept: 0\n\n");
}

// C-13.12
TEST(ReportSection, ATwinInJsonKeepsFullPrecision) {
  const TemporaryFolder base;
  const Json figures(Json::Object{{"val_bpb", 0.123456789}, {"steps", 12345}});
  testing::take(write_report_section(base.path(), "Base model evaluation", {figures}, FakeClock()));
  const Json twin = testing::read_json_or_fail(base.path() / "report" / "base-model-evaluation.json");
  EXPECT_EQ(twin.at("section").as_string(), "Base model evaluation");
  EXPECT_EQ(twin.at("timestamp").as_string(), "2000-01-01 00:00:00");
  EXPECT_EQ(twin.at("items").at(size_t{0}), figures);
}

}  // namespace
}  // namespace lathe::cli
