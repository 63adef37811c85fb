// lathe preview: conversations as training sees them, for people (row C-8.36).
#include <algorithm>

#include "cli/sft_data.h"
#include "cli/verbs.h"
#include "core/text.h"
#include "tasks/conversation_file.h"
#include "tasks/mixture_config.h"
#include "tasks/mixture_entry.h"

namespace lathe::cli {
namespace {

class Preview : public Verb {
 public:
  VerbInfo info() const override {
    return {"preview", "data", "print conversations of a task, a file or a mixture", "lathe preview --task spelling_bee -n 10", "[FILE]", 1};
  }
  void describe(SettingsTable& table) override {
    table.add("task", &task_, "a task of a mixture file with its usual settings; empty: spelling_bee, unless there is a file or a mixture");
    table.add("mixture", &mixture_, "a mixture: a file, or the name of a shipped one");
    table.add("form", &form_, "of a file: messages, list, sharegpt, alpaca, tree; empty: by its first record");
    table.add("num", &count_, "conversations").short_flag = 'n';
    table.add("start", &start_, "number of the first");
  }
  Result<Exit> run(Context& context) override;

 private:
  Result<tasks::ConversationSetPtr> open(Context& context) const;
  std::string task_, mixture_, form_;
  int64_t count_ = 10, start_ = 0;
};

Result<tasks::ConversationSetPtr> Preview::open(Context& context) const {
  LATHE_TRY(const fs::path base, context.base_folder());
  const int64_t given = !task_.empty() + !mixture_.empty() + !context.operands().empty();
  if (given > 1) return error("give one of --task, --mixture and a file");
  if (!context.operands().empty()) {
    tasks::ConversationFileOptions options;
    if (!form_.empty()) {
      LATHE_TRY(options.form, tasks::find_conversation_form(form_));
    }
    return tasks::open_conversations(context.operands()[0], options);
  }
  std::vector<std::string> warnings;
  tasks::ConversationSetPtr set;
  if (mixture_.empty()) {
    tasks::EntryOpener opener(base, warnings);
    LATHE_TRY(tasks::OpenedEntry entry, opener.open(Json(Json::Object{{"task", task_.empty() ? "spelling_bee" : task_}})));
    set = std::move(entry.set);
  } else {
    LATHE_TRY(const fs::path path, find_mixture(mixture_));
    LATHE_TRY(tasks::MixtureSets sets, tasks::open_mixture(path, base));
    warnings = std::move(sets.warnings);
    set = std::move(sets.train);
  }
  for (const std::string& warning : warnings) context.print(warning);
  return set;
}

Result<Exit> Preview::run(Context& context) {
  if (start_ < 0 || count_ < 0) return error("--start and --num must not be negative");
  LATHE_TRY(const tasks::ConversationSetPtr set, open(context));
  const int64_t end = std::min(set->size(), start_ + std::min(count_, set->size()));
  for (int64_t i = start_; i < end; ++i) {
    LATHE_TRY(const tasks::Example example, set->get(i));
    context.print(std::string(100, '='));
    context.print(tasks::preview(example));
  }
  context.print(with_thousands(set->size()), " conversations");
  return context.finish(Json(Json::Object{{"conversations", set->size()}, {"shown", std::max<int64_t>(0, end - start_)}}));
}

}  // namespace

std::unique_ptr<Verb> make_preview() { return std::make_unique<Preview>(); }

}  // namespace lathe::cli
