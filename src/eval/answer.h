// A model's answer to one item of a task: a line of an answers' file (results.h, docs/formats/report.md).
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/json.h"
#include "core/result.h"

namespace lathe::eval {

struct Sample {
  std::string output;        // all of the assistant's text, tool calls and their results by name; the letter of a choice
  std::string answer;        // what was judged: the number, the letters, the program, ...
  std::string note;          // why it is wrong, where the judge has more to say
  bool correct = false;
  bool finished = true;      // false: cut off at the task's limit
  int64_t tokens = 0;        // generated
};

struct Answer {
  int64_t index = 0;         // of the item in its set
  std::string kind, prompt;  // the user's last message
  std::string expected;
  std::vector<Sample> samples;                        // at least one
  std::vector<std::pair<std::string, float>> letters; // of a choice: their logits
  bool cut = false;          // the question did not fit and lost its end (row C-7.43)

  bool correct() const;      // any sample is (row C-7.28)
  int64_t right() const;     // samples
  // Of a choice: the log-probability of the expected letter among the item's letters.
  double score() const;
  // The most common answer of the samples, the first of equals; is it right? Samples without an answer do not vote.
  bool vote_is_right() const;

  // One sample: "output", "answer", "finished", "tokens" and "note" as they are; several: lists, and "right" says which are.
  Json to_json() const;
  static Result<Answer> from_json(const Json& json);
};

}  // namespace lathe::eval
