// The list of verbs, the old names that stand for them, and how words become one of them.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cli/verb.h"

namespace lathe::cli {

// Groups in the order of `lathe --help`.
inline constexpr std::array<std::string_view, 7> kGroups = {"data", "train", "judge", "use", "move", "measure", "help"};

using VerbList = std::vector<std::unique_ptr<Verb>>;
VerbList make_verbs();  // all verbs of this build

// A name from one of the systems whose command lines run here unchanged (rows L-1.2, L-15.2).
struct Alias {
  std::string_view name;
  std::string_view verb;
  bool underscores;  // its help spells flags with underscores, as its documents do
};
const std::vector<Alias>& aliases();

struct Found {
  Verb* verb = nullptr;
  const Alias* alias = nullptr;  // when an old name was used
  size_t words = 0;              // how many words the name took
  std::string program;           // the name used, without its folder and ".py"
};
// The verb that `words` begin with: two-word names first, then one word, then aliases (a leading "scripts/",
// "scripts.", "nanochat/", "nanochat." or "dev/" and a final ".py" are ignored). The error names the nearest verb.
Result<Found> find_verb(const VerbList& verbs, const std::vector<std::string>& words);

}  // namespace lathe::cli
