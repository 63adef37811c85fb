// Preference pairs from the built-in tasks: the right answer against a plausible wrong one, so that learning from
// preferences can be watched without downloads. Problems of training and of validation have no key in common
// (tasks/synth_problem.h).
//   <folder>/dpo/train.jsonl, val.jsonl   lines of docs/formats/preferences.md
#pragma once

#include <cstdint>
#include <string>

#include "core/file.h"
#include "core/result.h"
#include "tasks/synth_problem.h"

namespace lathe::tasks {

struct SynthPair {
  std::string kind;  // spelling, reading, choices
  std::string question, chosen, rejected;
};

// Pair `index`: a pure function of its arguments. Spelling: one letter of the word is wrong, doubled or missing;
// reading: another value of the passage; choices: another letter.
SynthPair synth_pair(uint64_t seed, Split split, uint64_t index);

// Writes both files; a twentieth as many pairs validate, at least 100.
Status write_pairs(uint64_t seed, int64_t pairs, const fs::path& folder);

}  // namespace lathe::tasks
