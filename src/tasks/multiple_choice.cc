#include "tasks/multiple_choice.h"

#include "core/check.h"

namespace lathe::tasks {

std::string render_multiple_choice(std::string_view question, const std::vector<std::string>& letters,
                                   const std::vector<std::string>& choices) {
  require(letters.size() == choices.size(), "[multiple_choice] ", letters.size(), " letters for ", choices.size(),
          " choices");
  std::string out = "Multiple Choice question: ";
  out += question;
  out += '\n';
  for (size_t i = 0; i < choices.size(); ++i) out += "- " + choices[i] + "=" + letters[i] + "\n";
  return out + "\nRespond only with the letter of the correct answer.";
}

}  // namespace lathe::tasks
