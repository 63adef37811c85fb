// Fixed prompts in eight categories, three each, every one with a check that a program can make (row L-8.4). They show whether a
// fine-tuned model works at all: which things it answers, whether it follows an instruction, keeps to a language, does not loop.
// A pass is no proof of quality.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "core/json.h"
#include "core/result.h"
#include "eval/generations.h"

namespace lathe::eval {

struct SmokeTest {
  std::string category;  // "basic_knowledge", ...
  std::string prompt;
  std::string expects;   // the check in words
  bool (*passes)(const Generation& answer);
};

const std::vector<SmokeTest>& smoke_tests();
const std::vector<std::string>& smoke_categories();  // in their order

// Those of the categories, in the list's order; empty: all. An unknown category is an error that names the nearest.
Result<std::vector<SmokeTest>> choose_smoke_tests(const std::vector<std::string>& categories);

struct SmokeScore {
  std::vector<SmokeTest> tests;
  std::vector<Generation> answers;
  std::vector<uint8_t> passed;
  int64_t correct() const;
  // A figure of eval/results.h, with "categories": a share each.
  Json to_json() const;
};
SmokeScore judge_smoke_tests(std::vector<SmokeTest> tests, std::vector<Generation> answers);
std::vector<Json> smoke_answers(const SmokeScore& score);  // for write_answers()

}  // namespace lathe::eval
