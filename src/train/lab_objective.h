// An objective as a part of a course in phases: its position also says what was drawn from each source (row L-5.55), and a new phase
// begins at its own start, not where the checkpoint's data were (row L-5.34).
#pragma once

#include <functional>
#include <utility>
#include <vector>

#include "train/lab_record.h"
#include "train/objective.h"

namespace lathe::train {

class LabObjective : public Objective {
 public:
  // drawn: tokens of each source in this phase, in the record's order.
  LabObjective(Objective& inner, bool new_phase, std::function<std::vector<int64_t>()> drawn)
      : inner_(inner), new_phase_(new_phase), drawn_(std::move(drawn)) {}
  Status prepare(StepScope& scope) override { return inner_.prepare(scope); }
  int64_t updates() const override { return inner_.updates(); }
  Result<StepOutcome> gradients(StepScope& scope, int64_t update) override { return inner_.gradients(scope, update); }
  int64_t activation_bytes() const override { return inner_.activation_bytes(); }
  int64_t step_tokens() const override { return inner_.step_tokens(); }
  StageProgress progress() const override { return inner_.progress(); }
  Json state() const override {
    Json state = inner_.state(), tokens = Json::array();
    for (const int64_t n : drawn_()) tokens.push_back(n);
    state[kConsumedKey] = std::move(tokens);
    return state;
  }
  Status restore(const Json& state) override { return new_phase_ ? Status() : inner_.restore(state); }

 private:
  Objective& inner_;
  bool new_phase_;
  std::function<std::vector<int64_t>()> drawn_;
};

}  // namespace lathe::train
