// Asking another program a question that may go unanswered: git, nvidia-smi and the like.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace lathe {

// Standard output of a program found on PATH, without the final line end. Nothing when it is missing, fails, or takes
// longer than `seconds` (it is then killed). No shell; standard input and standard error are /dev/null.
std::optional<std::string> probe(const std::vector<std::string>& arguments, double seconds = 5);

}  // namespace lathe
