// The real verbs in this process: words in, exit status, both streams and the figures out.
#pragma once

#include <iostream>
#include <sstream>

#include "cli/run.h"
#include "tests/ref/testing.h"

namespace lathe::cli {

struct Outcome {
  Exit exit;
  std::string out, err;

  // The last line of standard output, as --json prints it.
  Json figures() const { return testing::take(parse_json(split_text(trim_text(out), '\n').back())); }
};

inline Outcome run_lathe(std::vector<std::string> words, const std::string& input = "") {
  std::ostringstream out, err;
  std::istringstream in(input);
  std::streambuf* const former = std::cin.rdbuf(in.rdbuf());
  const Exit exit = run_words(make_verbs(), std::move(words), out, err);
  std::cin.rdbuf(former);
  return {exit, out.str(), err.str()};
}

}  // namespace lathe::cli
