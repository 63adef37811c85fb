// What the verbs that train measure of a run: the machine's product rate at the start, so that mfu means something, the time split
// at the end, and with --profile every operation of a few steps. Nothing of it changes a result (row L-13.6).
#pragma once

#include <optional>

#include "cli/verb.h"
#include "ops/profiler.h"
#include "train/loop.h"

namespace lathe::cli {

class RunMeasure {
 public:
  void describe(SettingsTable& table);
  Status check() const;
  // Measures the products (a fraction of a second) and sets what the loop needs. This must outlive the loop.
  void prepare(train::LoopSettings& settings, DType dtype);
  // Prints the performance lines; with --profile the table, and <run>/profile.json and trace.json. `run`: empty where nothing is saved.
  Status finish(Context& context, const train::LoopResult& result, const fs::path& run) const;

 private:
  bool profile_ = false;
  int64_t from_ = 5, steps_ = 10;
  DType dtype_ = DType::kFloat32;
  ops::Limits limits_;
  std::optional<ops::Profiler> profiler_;
};

}  // namespace lathe::cli
