// Answers' files read back (results.h), whichever evaluation wrote them: what `lathe eval show` and `compare` work on.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/file.h"
#include "core/json.h"
#include "core/result.h"

namespace lathe::eval {

struct AnswerFile {
  std::string task;           // the file's stem
  fs::path path;
  std::vector<Json> answers;  // objects with "index", ascending, each once
  Json data;                  // of the summary beside it: the set's files with their SHA-256; null where it does not say
};

// Of one answer. Empty where it has none of this kind.
std::optional<bool> is_correct(const Json& answer);
std::optional<double> score_of(const Json& answer);

// Errors name file and line: what is no object, has no "index", or an index a second time.
Result<AnswerFile> read_answer_file(const fs::path& file);
// A file, or all answers' files that the summary of a results' folder names. None is an error.
Result<std::vector<AnswerFile>> read_answer_files(const fs::path& path);

// One answer for people, lines of at most `width` columns: a rule with task, number and verdict, then question, output, what was judged,
// what was expected. Control characters are shown as escapes: outputs are untrusted and go to terminals.
std::string answer_text(const std::string& task, const Json& answer, size_t width = 100);

}  // namespace lathe::eval
