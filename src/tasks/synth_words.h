// The words of the spelling and counting tasks: common English words of 3 to 12 lower-case letters, no word twice.
#pragma once

#include <string>
#include <vector>

namespace lathe::tasks {

const std::vector<std::string>& spelling_words();

}  // namespace lathe::tasks
