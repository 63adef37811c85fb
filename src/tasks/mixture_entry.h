// One entry of a mixture file, opened (mixture_config.h says what may stand in it).
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/file.h"
#include "tasks/spelling.h"

namespace lathe::tasks {

struct OpenedEntry {
  std::string task;
  // The same for entries that take their items from the same place by the same rules, whatever their slice.
  std::string source;
  std::vector<fs::path> files, word_lists;  // that it was read from
  ConversationSetPtr set;                   // the slice
  int64_t start = 0, step = 1, repeat = 1;
  Json description;
};

class EntryOpener {
 public:
  // Both outlive this.
  EntryOpener(const fs::path& base, std::vector<std::string>& warnings) : base_(base), warnings_(warnings) {}
  // Sets that several entries name are opened once.
  Result<OpenedEntry> open(const Json& entry);

 private:
  struct Settings;
  struct Source {
    std::string name;  // OpenedEntry::source
    std::vector<fs::path> files, word_lists;
    ConversationSetPtr set;
  };
  static Result<Settings> read(const Json& entry);
  fs::path below_base(const std::string& path, const char* usual) const;
  Result<Source> open_source(const Settings& settings, Json& description);
  Result<ConversationSetPtr> open_hosted(const Settings& settings, Source& source);
  Result<ConversationSetPtr> open_spelling(const Settings& settings, Source& source, Json& description);
  Result<ConversationSetPtr> open_file(const Settings& settings, Source& source);
  Result<ConversationSetPtr> open_custom(const Settings& settings, Source& source);

  const fs::path& base_;
  std::vector<std::string>& warnings_;
  std::map<std::string, ConversationSetPtr> opened_;
  std::map<std::string, WordListPtr> words_;
};

}  // namespace lathe::tasks
