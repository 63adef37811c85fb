// How a run of the lab's training programs starts: from initial weights, exactly where it was, or as a new phase on the weights of an
// earlier one. Rows L-5.34, L-5.35, L-5.40 to L-5.42, L-5.45, L-5.61, L-5.62; contradiction C10.
//   exact   settings and data are those of the checkpoint (but for horizon and intervals): same losses as without the stop
//   phase   other data or training values; only by name (--resume_from_checkpoint), with the order of the data started anew
#pragma once

#include <string>
#include <vector>

#include "train/lab_record.h"

namespace lathe::train {

struct CourseRequest {
  fs::path run;                     // folder of the step_N
  std::string resume_from;          // the flag; empty: the latest whole checkpoint of `run`
  bool force = false;
  Json fixed;                       // what no phase may change
  Json settings;                    // those that decide the course
  std::vector<LabSource> sources;
  int64_t max_steps = 0, last_step = 0;  // last_step: where this phase ends
};

enum class CourseStart { kFresh, kExact, kPhase, kFinished };

struct Course {
  CourseStart start = CourseStart::kFresh;
  fs::path from;                    // checkpoint; empty: initial weights
  int64_t step = -1;                // its step
  LabRecord record;                 // with the phase under way last
  bool later_aside = false;         // checkpoints of `run` after `step` make way
  std::vector<std::string> lines;   // for people
  std::vector<std::string> warnings;

  int64_t phase() const { return static_cast<int64_t>(record.phases.size()) - 1; }  // 0 for the first
};

// Reads and decides; changes nothing. Errors name the key that differs, both values and the ways out.
Result<Course> plan_course(const CourseRequest& request);

// Brings the folder into the state the course starts from: later checkpoints into `run`/aside_N, a checkpoint of another folder
// into `run` as its own (files are linked, else copied), marks the source of a phase as one that stays.
Status prepare_course(const Course& course, const fs::path& run);

// `run`/final: the whole state of the last step, marked finished (contradiction C32). Files are linked where the system can.
Status write_final(const fs::path& run, int64_t step);

}  // namespace lathe::train
