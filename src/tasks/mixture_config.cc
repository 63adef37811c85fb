#include "tasks/mixture_config.h"

#include <algorithm>
#include <set>

#include "core/settings.h"
#include "core/text.h"
#include "tasks/mixture_entry.h"
#include "tasks/mixture.h"

namespace lathe::tasks {
namespace {

struct OpenedList {
  std::vector<OpenedEntry> entries;
  std::vector<ConversationSetPtr> sets;  // with repeats
  std::vector<std::string> parts;        // their names
  Json description = Json::array();
  int64_t conversations = 0;
};

Result<OpenedList> open_list(const Json& config, const char* key, EntryOpener& opener) {
  OpenedList list;
  const Json* entries = config.find(key);
  if (entries == nullptr) return list;
  if (!entries->is_array()) return error("\"", key, "\" must be a list of entries");
  for (const Json& json : entries->as_array()) {
    const auto at_entry = [&](const Error& e) {
      return error_at(e.path, e.offset, "\"", key, "\", entry ", list.entries.size() + 1, ": ", e.message);
    };
    auto opened = opener.open(json);
    if (!opened.ok()) return at_entry(opened.error());
    OpenedEntry& entry = opened.value();
    const std::string subset = json.get_string("subset", "");
    for (int64_t r = 0; r < entry.repeat; ++r) {
      list.sets.push_back(entry.set);
      list.parts.push_back(subset.empty() ? entry.task : entry.task + "-" + subset);
    }
    list.conversations += entry.repeat * entry.set->size();
    list.description.push_back(entry.description);
    list.entries.push_back(std::move(entry));
  }
  return list;
}

Result<std::set<std::string>> trees_of(const ConversationSet& set) {
  std::set<std::string> trees;
  for (int64_t i = 0; i < set.size(); ++i) {
    LATHE_TRY(const Example example, set.get(i));
    const std::string tree = example.about.get_string("tree", "");
    if (tree.empty()) break;  // a set has trees or has none
    trees.insert(tree);
  }
  return trees;
}

// Trap L5.
Status check_apart(const OpenedEntry& train, const OpenedEntry& validation) {
  if (train.source != validation.source) return {};
  const auto met = [&](const std::string& what) {
    return error("a validation entry of the task ", train.task, " holds ", what, " that is trained on too; choose another split or slices that do not meet");
  };
  std::vector<bool> trained;
  for (int64_t i = 0; i < train.set->size(); ++i) {
    const auto place = static_cast<size_t>(train.start + i * train.step);
    if (place >= trained.size()) trained.resize(place + 1);
    trained[place] = true;
  }
  for (int64_t i = 0; i < validation.set->size(); ++i) {
    const auto place = static_cast<size_t>(validation.start + i * validation.step);
    if (place < trained.size() && trained[place]) return met("item " + std::to_string(place));
  }
  LATHE_TRY(const std::set<std::string> ours, trees_of(*train.set));
  if (ours.empty()) return {};
  LATHE_TRY(const std::set<std::string> theirs, trees_of(*validation.set));
  for (const std::string& tree : theirs)
    if (ours.count(tree) != 0) return met("a conversation of the tree " + tree);
  return {};
}

}  // namespace

Result<MixtureSets> open_mixture(const fs::path& path, const fs::path& base) {
  LATHE_TRY(const Json config, read_json(path));
  const auto at_path = [&](const Error& e) { return e.path.empty() ? error_at(path.string(), -1, e.message) : error_at(e.path, e.offset, path.string(), ": ", e.message); };
  if (!config.is_object()) return error_at(path.string(), -1, "a mixture must be a JSON object");
  std::string order = "shuffled";
  int64_t seed = static_cast<int64_t>(kMixtureSeed);
  SettingsTable table;
  table.add("order", &order, "").choices = {"shuffled", "sequence"};
  table.add("seed", &seed, "");
  Json flat = Json::object();
  for (const auto& [key, value] : config.as_object())
    if (key != "train" && key != "validation") flat[key] = value;
  LATHE_TRY_STATUS(table.read_object(flat, path.string()));
  if (seed < 0) return error_at(path.string(), -1, "\"seed\" must not be negative");

  MixtureSets out;
  EntryOpener opener(base, out.warnings);
  auto train = open_list(config, "train", opener);
  if (!train.ok()) return at_path(train.error());
  auto validation = open_list(config, "validation", opener);
  if (!validation.ok()) return at_path(validation.error());
  if (train.value().conversations == 0) return error_at(path.string(), -1, "has no conversation to train on");
  for (const OpenedEntry& ours : train.value().entries)
    for (const OpenedEntry& theirs : validation.value().entries)
      if (const Status apart = check_apart(ours, theirs); !apart.ok()) return at_path(apart.error());

  const auto add = [](std::vector<fs::path>& to, const std::vector<fs::path>& files) {
    for (const fs::path& file : files)
      if (std::find(to.begin(), to.end(), file) == to.end()) to.push_back(file);
  };
  for (const OpenedEntry& entry : train.value().entries) {
    add(out.files, entry.files);
    add(out.beside, entry.word_lists);
  }
  for (const OpenedEntry& entry : validation.value().entries)
    for (const auto* files : {&entry.files, &entry.word_lists}) add(out.beside, *files);

  const auto seed_bits = static_cast<uint64_t>(seed);
  out.description = Json(Json::Object{{"mixture", path.string()}, {"order", order}, {"seed", seed},
                                      {"conversations", train.value().conversations}, {"train", train.value().description},
                                      {"validation_conversations", validation.value().conversations}, {"validation", validation.value().description}});
  out.parts = std::move(train.value().parts);
  out.train = order == "sequence" ? sequence(std::move(train.value().sets)) : mixture(std::move(train.value().sets), seed_bits);
  if (validation.value().conversations > 0) out.validation = mixture(std::move(validation.value().sets), seed_bits);
  return out;
}

}  // namespace lathe::tasks
