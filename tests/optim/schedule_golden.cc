// Golden set optim/schedules.json and the schedule columns of every run of train_seed/ and train_head/.
#include <gtest/gtest.h>

#include <filesystem>

#include "optim/schedule.h"
#include "tests/ref/testing.h"

namespace lathe::optim {
namespace {

using lathe::testing::golden;
using lathe::testing::read_json_or_fail;
using lathe::testing::read_jsonl;
namespace fs = std::filesystem;

constexpr double kTolerance = 1e-12;

// The multiplier that table `name` should hold in a row that starts with `at`.
double expected_by(const std::string& name, const Json& table, double at) {
  const int64_t step = static_cast<int64_t>(at), warmup = table.get_int("warmup", 0), total = table.get_int("total", 0);
  const auto wsd = [&](DecayShape shape) {
    return warmup_stable_decay(step, warmup, table.at("decay").as_int(), total, shape, table.at("min_lr_ratio").as_double());
  };
  if (name.starts_with("base_train")) {
    const Json& args = table.at("args");
    ChatSchedule schedule;
    schedule.num_iterations = table.at("num_iterations").as_int();
    schedule.warmup_ratio = args.at("warmup_ratio").as_double();
    schedule.warmdown_ratio = args.at("warmdown_ratio").as_double();
    schedule.final_lr_frac = args.at("final_lr_frac").as_double();
    return chat_lr_multiplier(schedule, step);
  }
  if (name.starts_with("chat_sft")) return sft_lr_multiplier(at);
  if (name.starts_with("chat_rl")) return rl_lr_multiplier(step, table.at("num_steps").as_int());
  if (name == "hf_constant_with_warmup") return constant_with_warmup(step, warmup);
  if (name == "hf_linear_with_warmup") return linear_with_warmup(step, warmup, total);
  if (name == "hf_cosine_with_warmup") return cosine_with_warmup(step, warmup, total);
  if (name == "hf_cosine_with_min_lr") return cosine_with_warmup(step, warmup, total, table.at("min_lr_rate").as_double());
  if (name == "hf_wsd_linear") return wsd(DecayShape::kLinear);
  if (name == "hf_wsd_cosine") return wsd(DecayShape::kCosine);
  if (name == "hf_wsd_1-sqrt") return wsd(DecayShape::kOneMinusSqrt);
  if (name == "inverse_sqrt") return inverse_sqrt(step, warmup);
  throw std::runtime_error("unknown schedule " + name);
}

// C-4.17, C-4.26, C-8.4
TEST(ScheduleGolden, EveryTable) {
  const fs::path path = golden("optim/schedules.json");
  LATHE_NEEDS(path);
  int64_t rows = 0;
  const Json tables = read_json_or_fail(path);
  for (const auto& [name, table] : tables.as_object())
    for (const Json& row : table.at("rows").as_array()) {
      const double at = row.at(size_t{0}).as_double();
      EXPECT_NEAR(expected_by(name, table, at), row.at(1).as_double(), kTolerance) << name << " at " << at;
      ++rows;
    }
  EXPECT_GT(rows, 0);
}

// C-4.19, C-4.20
TEST(ScheduleGolden, MuonColumns) {
  const fs::path path = golden("optim/schedules.json");
  LATHE_NEEDS(path);
  int64_t rows = 0;
  const Json tables = read_json_or_fail(path);
  for (const auto& [name, table] : tables.as_object())
    for (const Json& row : table.at("rows").as_array()) {
      if (row.size() < 4) continue;
      const int64_t step = row.at(size_t{0}).as_int(), n = table.at("num_iterations").as_int();
      EXPECT_NEAR(muon_momentum(step), row.at(2).as_double(), kTolerance) << name << " at " << step;
      EXPECT_NEAR(muon_weight_decay(table.at("weight_decay_scaled").as_double(), step, n), row.at(3).as_double(), kTolerance);
      ++rows;
    }
  EXPECT_GT(rows, 0);
}

// All runs of a set: `compare(config, step record)`.
template <class Compare>
void for_every_step(const fs::path& set, Compare&& compare) {
  int64_t compared = 0;
  for (const auto& run : fs::directory_iterator(set)) {
    if (!fs::exists(run.path() / "config.json")) continue;
    const Json config = read_json_or_fail(run.path() / "config.json");
    for (const auto& file : fs::directory_iterator(run.path())) {
      if (file.path().extension() != ".jsonl" || !file.path().filename().string().starts_with("steps")) continue;
      for (const Json& record : read_jsonl(file.path())) compare(config, record), ++compared;
    }
  }
  EXPECT_GT(compared, 0);
}

// C-4.17, C-4.19, C-4.20
TEST(ScheduleGolden, RunsOfTheSeed) {
  LATHE_NEEDS(golden("train_seed"));
  for_every_step(golden("train_seed"), [](const Json& config, const Json& record) {
    const Json& args = config.at("base_train_args");
    ChatSchedule schedule;
    schedule.num_iterations = config.at("steps").as_int();
    schedule.warmup_ratio = args.at("warmup_ratio").as_double();
    schedule.warmdown_ratio = args.at("warmdown_ratio").as_double();
    schedule.final_lr_frac = args.at("final_lr_frac").as_double();
    const int64_t step = record.at("step").as_int();
    EXPECT_NEAR(chat_lr_multiplier(schedule, step), record.at("lr_multiplier").as_double(), kTolerance);
    EXPECT_NEAR(muon_momentum(step), record.at("muon_momentum").as_double(), kTolerance);
    EXPECT_NEAR(muon_weight_decay(config.at("weight_decay_scaled").as_double(), step, schedule.num_iterations),
                record.at("muon_weight_decay").as_double(), kTolerance);
  });
}

// C-4.29
TEST(ScheduleGolden, RunsOfTheNewestState) {
  LATHE_NEEDS(golden("train_head"));
  for_every_step(golden("train_head"), [](const Json& config, const Json& record) {
    const Json& args = config.at("base_train_args");
    ChatSchedule schedule;
    schedule.num_iterations = config.at("steps").as_int();
    schedule.warmup_steps = args.at("warmup_steps").as_int();
    schedule.warmdown_ratio = args.at("warmdown_ratio").as_double();
    schedule.final_lr_frac = args.at("final_lr_frac").as_double();
    const int64_t step = record.at("step").as_int();
    EXPECT_NEAR(chat_lr_multiplier(schedule, step), record.at("lr_multiplier").as_double(), kTolerance);
    EXPECT_NEAR(newest_muon_momentum(schedule, step), record.at("muon_momentum").as_double(), kTolerance);
    EXPECT_NEAR(newest_muon_weight_decay(config.at("weight_decay_scaled").as_double(), step, schedule.num_iterations),
                record.at("muon_weight_decay").as_double(), kTolerance);
  });
}

}  // namespace
}  // namespace lathe::optim
