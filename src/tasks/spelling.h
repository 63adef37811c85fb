// Generated conversations about words: spelling them, and counting a letter in them by hand and by a tool. Example i is a pure
// function of the word list, the split and i, with the draws of Python's random.Random. Rows C-8.25 to C-8.28, C-8.35.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/file.h"
#include "tasks/conversation_set.h"

namespace lathe::tasks {

// One word a line; white space around it is stripped. Every draw depends on the number of words, so the file's hash goes into
// what a run records. An empty line, invalid UTF-8 or no word at all is an error.
class WordList {
 public:
  static Result<std::shared_ptr<const WordList>> open(const fs::path& path);  // also .gz, .zst
  const std::vector<std::string>& words() const { return words_; }
  const std::string& sha256() const { return sha256_; }  // of the words, each ended by LF

 private:
  std::vector<std::string> words_;
  std::string sha256_;
};
using WordListPtr = std::shared_ptr<const WordList>;

enum class SpellingSplit { kTrain, kTest };
inline constexpr int64_t kSpellingSize = 1000;            // default of both sets
inline constexpr int64_t kSpellingTestSeed = 10'000'000;  // added to the index; a larger train set would meet it (trap L5)

// "Spell the word: w" -> "w:w,o,r,d". size is not tied to the list; 1 to kSpellingTestSeed.
Result<ConversationSetPtr> simple_spelling(WordListPtr words, SpellingSplit split, int64_t size = kSpellingSize);
// "How many r are in strawberry?" in 51 wordings -> five parts: counted by hand, then by Python, "#### 3" at the end.
Result<ConversationSetPtr> spelling_bee(WordListPtr words, SpellingSplit split, int64_t size = kSpellingSize);

// In the origin's order, each with one {letter} and one {word} (spelling_templates.cc).
const std::vector<std::string_view>& spelling_templates();

// An example for people: the question, a rule, and the parts joined, calls as <<expression=result>> (row C-8.36).
std::string preview(const Example& example);

}  // namespace lathe::tasks
