// One run of a scaling experiment: `lathe train` itself, in this process, so that a killed experiment leaves no run behind.
#pragma once

#include "cli/verb.h"

namespace lathe::cli {

struct Member {
  fs::path base, folder;  // of all artefacts; of the experiment's results
  std::string tag;
  Json config;            // settings of `lathe train`
};

struct MemberResult {
  Exit exit = Exit::kDone;
  fs::path log;
  Json figures;  // what the trainer reports with --json; null unless it is done
};

// Leaves <folder>/<tag>_config.json, <tag>_train.log (lines and messages of all attempts) and, when done, <tag>.json (the figures).
// The log is the sign that this experiment has begun the run: with it the run goes on from its latest checkpoint; without it
// checkpoints under this tag belong to something else and are an error. A run that fails is a result; its error is logged.
Result<MemberResult> train_member(Context& context, const Member& member);

// Of the tokenizer that a run will load.
Result<Json> tokenizer_hash(const fs::path& path);

}  // namespace lathe::cli
