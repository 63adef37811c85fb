// Metrics of a run: JSON lines and TensorBoard event files in the run's folder. Rows C-5.24, C-17.3, L-5.58; decision 13.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/file.h"
#include "core/json.h"

namespace lathe::train {

class Metrics {
 public:
  // Appends to <run>/metrics.jsonl and <run>/tensorboard/events.*; after a resume at `resume_step` the lines of that step and
  // of later ones, written by the run that was cut off, are dropped first: they are written again. -1: a new file, whose
  // first line is the settings, and `facts` of the run (its steps, its limits) where there are any.
  static Result<std::unique_ptr<Metrics>> open(const fs::path& run, const Json& settings, int64_t resume_step, const Json& facts = Json::object());
  ~Metrics();
  // values: an object of numbers; a list of strings is a text for TensorBoard (samples), anything else is kept in the JSON lines
  // only. The line starts with "step".
  Status log(int64_t step, const Json& values);
  // The run goes back to `step`: drops what was written for it and for later steps, as open() does.
  Status rewind(int64_t step);

 private:
  explicit Metrics(fs::path run);
  struct Files;
  std::unique_ptr<Files> files_;
};

}  // namespace lathe::train
