#include "tasks/mixture_entry.h"

#include <algorithm>

#include "core/settings.h"
#include "core/text.h"
#include "tasks/conversation_file.h"
#include "tasks/hosted_tasks.h"
#include "tasks/mixture.h"
#include "tasks/synth_set.h"

namespace lathe::tasks {
namespace {

const std::vector<std::string>& task_names() {
  static const std::vector<std::string> list = {"smoltalk", "mmlu", "arc", "gsm8k", "custom_json", "simple_spelling", "spelling_bee", "synth", "file"};
  return list;
}

// Keys that mean something to a task, beside those of all.
std::vector<std::string> keys_of(const std::string& task) {
  if (task == "custom_json") return {"path"};
  if (task == "synth") return {"size", "seed"};
  if (task == "file") return {"path", "form", "language", "max_rank", "skip_synthetic", "prompt_field", "input_field", "response_field", "name", "author"};
  if (task == "simple_spelling" || task == "spelling_bee") return {"path", "split", "size"};
  return {"path", "subset", "split"};
}

}  // namespace

struct EntryOpener::Settings {
  std::string task, path, subset, split = "train", form;
  int64_t size = kSpellingSize, seed = 1, start = 0, stop = -1, step = 1, repeat = 1;
  FormOptions options;
  Json given;  // as resolved, without what does not concern the task
};

Result<EntryOpener::Settings> EntryOpener::read(const Json& entry) {
  Settings s;
  if (!entry.is_object()) return error("must be an object with a \"task\"");
  s.task = entry.get_string("task", "");
  if (std::find(task_names().begin(), task_names().end(), s.task) == task_names().end()) {
    std::string list;
    for (const std::string& name : task_names()) list += (list.empty() ? "" : ", ") + name;
    const std::string near = nearest_word(s.task, task_names());
    return error("\"task\" must be one of ", list, ", not \"", s.task, "\"", near.empty() ? "" : "; did you mean \"" + near + "\"?");
  }
  SettingsTable all;
  all.add("path", &s.path, "");
  all.add("subset", &s.subset, "");
  all.add("split", &s.split, "");
  all.add("form", &s.form, "");
  all.add("size", &s.size, "");
  all.add("seed", &s.seed, "");
  all.add("language", &s.options.language, "");
  all.add("max_rank", &s.options.max_rank, "");
  all.add("skip_synthetic", &s.options.skip_synthetic, "");
  all.add("prompt_field", &s.options.prompt_field, "");
  all.add("input_field", &s.options.input_field, "");
  all.add("response_field", &s.options.response_field, "");
  all.add("name", &s.options.name, "");
  all.add("author", &s.options.author, "");
  const std::vector<std::string> known = keys_of(s.task);
  SettingsTable table;
  table.add("task", &s.task, "");
  for (Setting& setting : all.settings())
    if (std::find(known.begin(), known.end(), setting.name) != known.end()) table.settings().push_back(setting);
  table.add("start", &s.start, "");
  table.add("stop", &s.stop, "");
  table.add("step", &s.step, "");
  table.add("repeat", &s.repeat, "");
  LATHE_TRY_STATUS(table.read_object(entry, ""));
  if (s.repeat < 1) return error("\"repeat\" must be at least 1, got ", s.repeat);
  if (s.seed < 0) return error("\"seed\" must not be negative");
  s.given = table.to_json();
  return s;
}

fs::path EntryOpener::below_base(const std::string& path, const char* usual) const {
  return (base_ / (path.empty() ? usual : path)).lexically_normal();  // an absolute path stays as it is
}

Result<ConversationSetPtr> EntryOpener::open_hosted(const Settings& s, Source& source) {
  const HostedTask task = *find_hosted_task(s.task);
  const fs::path given = s.path.empty() ? fs::path() : below_base(s.path, "");
  std::error_code code;
  std::vector<fs::path> files;
  if (fs::is_regular_file(given, code)) {
    files.push_back(given);
  } else {
    LATHE_TRY(files, hosted_task_files(task, base_, given, s.subset, s.split));
  }
  for (const fs::path& file : files) source.name += " " + file.string();
  source.files = files;
  if (const auto found = opened_.find(source.name); found != opened_.end()) return found->second;
  return open_hosted_task(task, files);
}

Result<ConversationSetPtr> EntryOpener::open_spelling(const Settings& s, Source& source, Json& description) {
  const fs::path path = below_base(s.path, "words_alpha.txt");
  if (s.split != "train" && s.split != "test") return error("\"split\" of spelling must be train or test, not \"", s.split, "\"");
  WordListPtr& words = words_[path.string()];
  if (!words) {
    LATHE_TRY(words, WordList::open(path));
  }
  description["words_sha256"] = words->sha256();
  source.name += " " + path.string() + " " + s.split;
  source.word_lists = {path};
  const SpellingSplit split = s.split == "train" ? SpellingSplit::kTrain : SpellingSplit::kTest;
  return s.task == "simple_spelling" ? simple_spelling(words, split, s.size) : spelling_bee(words, split, s.size);
}

Result<ConversationSetPtr> EntryOpener::open_file(const Settings& s, Source& source) {
  if (s.path.empty()) return error("the task file needs a \"path\"");
  const fs::path path = below_base(s.path, "");
  ConversationFileOptions options;
  options.options = s.options;
  if (!s.form.empty()) {
    LATHE_TRY(options.form, find_conversation_form(s.form));
  }
  // Other rules number the items otherwise.
  source.name += " " + path.string();
  source.files = {path};
  for (const std::string& rule : {s.form, s.options.language, std::to_string(s.options.max_rank), std::to_string(s.options.skip_synthetic)}) source.name += " " + rule;
  if (const auto found = opened_.find(source.name); found != opened_.end()) return found->second;
  return open_conversations(path, options);
}

Result<ConversationSetPtr> EntryOpener::open_custom(const Settings& s, Source& source) {
  const fs::path path = below_base(s.path, "identity_conversations.jsonl");
  source.name += " " + path.string();
  source.files = {path};
  if (const auto found = opened_.find(source.name); found != opened_.end()) return found->second;
  std::string warning;
  LATHE_TRY(ConversationSetPtr set, open_custom_json(path, &warning));
  if (!warning.empty()) warnings_.push_back(std::move(warning));
  return set;
}

Result<EntryOpener::Source> EntryOpener::open_source(const Settings& s, Json& description) {
  Source source{s.task, {}, {}, nullptr};
  if (s.task == "synth") {
    if (s.size < 1) return error("\"size\" must be at least 1, got ", s.size);
    source.name += " " + std::to_string(s.seed);
    source.set = synth_conversations(static_cast<uint64_t>(s.seed), s.size);
  } else if (s.task == "simple_spelling" || s.task == "spelling_bee") {
    LATHE_TRY(source.set, open_spelling(s, source, description));
  } else if (s.task == "custom_json") {
    LATHE_TRY(source.set, open_custom(s, source));
    opened_[source.name] = source.set;
  } else if (s.task == "file") {
    LATHE_TRY(source.set, open_file(s, source));
    opened_[source.name] = source.set;
  } else {
    LATHE_TRY(source.set, open_hosted(s, source));
    opened_[source.name] = source.set;
  }
  return source;
}

Result<OpenedEntry> EntryOpener::open(const Json& json) {
  LATHE_TRY(const Settings s, read(json));
  OpenedEntry entry;
  entry.task = s.task;
  entry.description = s.given;
  LATHE_TRY(Source source, open_source(s, entry.description));
  entry.source = std::move(source.name);
  entry.files = std::move(source.files);
  entry.word_lists = std::move(source.word_lists);
  entry.set = std::move(source.set);
  if (entry.set->size() > 0) {  // an identity file that is missing has nothing to slice
    LATHE_TRY(entry.set, slice(std::move(entry.set), s.start, s.stop, s.step));
  }
  entry.start = s.start;
  entry.step = s.step;
  entry.repeat = s.repeat;
  entry.description["conversations"] = entry.set->size();
  return entry;
}

}  // namespace lathe::tasks
