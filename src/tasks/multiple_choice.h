// The multiple-choice prompt of ARC and MMLU (row C-7.32).
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace lathe::tasks {

// letters and choices have the same length. The letter stands behind its choice, without a space: on purpose.
std::string render_multiple_choice(std::string_view question, const std::vector<std::string>& letters,
                                   const std::vector<std::string>& choices);

}  // namespace lathe::tasks
