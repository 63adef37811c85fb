// What a stage trains on and by which loss: the part of an optimizer step that base training, fine-tuning, preferences and
// reinforcement learning do not share. The loop (train/loop.h) asks for gradients and does the rest: schedule, clipping, update,
// metrics, validation, saving, resume, signals.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "autograd/tape.h"
#include "core/clock.h"
#include "core/json.h"
#include "core/result.h"
#include "dist/communicator.h"
#include "train/performance.h"

namespace lathe::train {

// How far the data of a stage has been used, for stages that end with it.
struct StageProgress {
  double share = -1;      // of the data; -1: endless
  int64_t epoch = 1;
  bool ended = false;     // the step made last was the last one
};

// What an objective works with during a step. References are the loop's.
struct StepScope {
  ops::Context& ctx;
  autograd::Tape& tape;      // recording, empty; to be left empty
  const Clock& clock;
  TimeSplit& split;          // seconds go to data, forward, head, backward (TimedPart)
  dist::Communicator& world;
  int64_t step;              // optimizer steps done before this one
  uint64_t seed;             // of the run
};

struct StepOutcome {
  double loss = 0;             // of the step, as the stage defines it; must be finite
  double last_micro_loss = 0;  // what the step line smooths
  int64_t valid_targets = 0;   // of this rank
  int64_t tokens = 0;          // of all ranks: what the step counts as trained, padding included
  // Figures of the step for the metrics, by their full names ("dpo/margin"), and a part of the step line (" | margin: ...").
  std::vector<std::pair<std::string, double>> figures;
  std::string line;
};

// One thread. All errors end the run.
class Objective {
 public:
  virtual ~Objective() = default;

  // Fetches (or generates) what step scope.step trains on. Called once a step, before gradients().
  virtual Status prepare(StepScope& scope) = 0;
  // Optimizer updates that are made of one step's data; above 1 with several epochs over the same roll-outs. A checkpoint
  // is only written between steps, so what prepare() fetched is never saved.
  virtual int64_t updates() const { return 1; }
  // Forward and backward passes of update number `update`: adds to the gradients of the trained parameters.
  virtual Result<StepOutcome> gradients(StepScope& scope, int64_t update) = 0;

  // Memory of the largest forward and backward pass, reserved before the first step.
  virtual int64_t activation_bytes() const = 0;
  // Tokens of a step of full width on all ranks, for figures before the first step.
  virtual int64_t step_tokens() const = 0;
  virtual StageProgress progress() const { return {}; }

  // The exact position in the data, and back to it before the first step (trap R1 to R5).
  virtual Json state() const = 0;
  virtual Status restore(const Json& state) = 0;
};

}  // namespace lathe::train
