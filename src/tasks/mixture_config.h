// A mixture of tasks as a JSON file: configs/mixtures, docs/training.md. Rows C-8.1, C-8.5, C-8.21, C-8.24, C-8.35.
//   {"order": "shuffled" | "sequence", "seed": 42, "train": [ENTRY, ...], "validation": [ENTRY, ...]}
// ENTRY: {"task": NAME} and what the task knows of
//   smoltalk, mmlu, arc, gsm8k      "subset", "split"; "path": a file or folder instead of <base>/hosted/...
//   custom_json                     "path", by default identity_conversations.jsonl
//   simple_spelling, spelling_bee   "size", "split" train or test; "path" of the words, by default words_alpha.txt
//   synth                           "size", "seed": conversations of `lathe synth`
//   file                            "path", "form", "language", "max_rank", "skip_synthetic", "prompt_field", "input_field",
//                                   "response_field", "name", "author"
// and for all: "start", "stop", "step" (a slice), "repeat" (oversampling). Relative paths are below the base folder. Keys that
// start with "_" are comments; an unknown key is an error that names the nearest one.
#pragma once

#include <string>
#include <vector>

#include "core/file.h"
#include "tasks/conversation_set.h"

namespace lathe::tasks {

struct MixtureSets {
  ConversationSetPtr train;
  std::vector<std::string> parts;     // of `train`, by Example::part: the task, and its subset where it has one
  ConversationSetPtr validation;      // null without entries
  std::vector<std::string> warnings;  // for the user, framed
  std::vector<fs::path> files;        // with what is trained on; a generated task has none
  std::vector<fs::path> beside;       // word lists, and the files of `validation`
  // What was opened, to be recorded with the run: entries as resolved, each with "conversations", word lists with "words_sha256".
  Json description;
};

// A validation conversation that is trained on too (same source, meeting slices, or one tree on both sides) is an error (trap L5,
// row L-7.12), as is a mixture without a conversation to train on.
Result<MixtureSets> open_mixture(const fs::path& config, const fs::path& base);

}  // namespace lathe::tasks
