// What the generators of the five tasks hand over: one problem with its conversation, its form in prose, and the key
// that decides whether it belongs to training or to the held-out test.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/rng.h"

namespace lathe::tasks {

enum class Split { kTrain, kTest };

struct Part {
  enum class Kind { kText, kPython, kOutput } kind;
  std::string text;
};

struct Turn {
  std::string user;
  std::vector<Part> answer;
};

using Conversation = std::vector<Turn>;

struct Problem {
  std::string kind;                     // sub-kind, such as "two steps"
  std::string key;                      // the problem's content, free of wording where wording does not matter
  std::string question;                 // the user's turn
  std::vector<Part> answer;             // the assistant's turn
  std::string expected;                 // what the checker looks for
  std::vector<Turn> further;            // further questions on the same passage (reading), of the training split
  std::vector<std::string> candidates;  // wrong answers that stand in the question (reading), or the letters (choices)
};

// Share of keys that are held out: one in ten. A function of the content alone, not of the seed, so that models
// trained on corpora of different seeds are judged by the same problems. Documented in docs/notes/004-synth.md.
bool held_out(std::string_view key);
inline bool belongs_to(std::string_view key, Split split) { return held_out(key) == (split == Split::kTest); }

// Draws until the key belongs to the split (one in ten draws does for the test).
template <class Make>
Problem draw_problem(Split split, Make&& make) {
  for (;;) {
    Problem problem = make();
    if (belongs_to(problem.key, split)) return problem;
  }
}

// The generators. Each gives a different problem for a different state of `rng`.
Problem make_sum(Rng& rng, Split split);
Problem make_spelling(Rng& rng, Split split);
Problem make_counting(Rng& rng, Split split);
Problem make_reading(Rng& rng, Split split);
Problem make_choice(Rng& rng, Split split);
Problem make_easy_choice(Rng& rng);  // for training: one option only is of the kind asked for

// The same skills as pages of the base corpus; only problems of the training split.
std::string write_sums_page(Rng& rng);
std::string write_spelling_page(Rng& rng);
std::string write_reading_page(Rng& rng);
std::string write_choices_page(Rng& rng);

// Key of a word in the spelling and counting tasks.
std::string word_key(std::string_view word);
// "word:w,o,r,d" (the form of row C-8.28).
std::string spelled(std::string_view word);

}  // namespace lathe::tasks
