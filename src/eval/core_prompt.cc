#include "eval/core_prompt.h"

#include <algorithm>

#include "core/python_random.h"
#include "core/text.h"
#include "data/record_set.h"

namespace lathe::eval {
namespace {

constexpr uint64_t kShuffleSeed = 1337, kFewShotSeed = 1234;

// Bytes of the white space that `text` begins with, in Python's sense; 0: none.
size_t white_space_at(std::string_view text) {
  if (text.empty()) return 0;
  const auto byte = [&](size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  const unsigned first = byte(0);
  if ((first >= 0x09 && first <= 0x0d) || (first >= 0x1c && first <= 0x20)) return 1;
  if (first == 0xc2) return byte(1) == 0x85 || byte(1) == 0xa0 ? 2 : 0;
  const unsigned code = (first & 0x0f) << 12 | (byte(1) & 0x3f) << 6 | (byte(2) & 0x3f);
  if ((first & 0xf0) != 0xe0 || text.size() < 3) return 0;
  const bool space = code == 0x1680 || (code >= 0x2000 && code <= 0x200a) || code == 0x2028 || code == 0x2029 || code == 0x202f ||
                     code == 0x205f || code == 0x3000;
  return space ? 3 : 0;
}

std::string render(const CoreTask& task, const CoreItem& item, size_t option) {
  switch (task.kind) {
    case CoreKind::kMultipleChoice: return item.context + task.delimiter + item.options[option];
    case CoreKind::kSchema: return item.options[option] + task.delimiter + item.continuation;
    case CoreKind::kLanguageModelling: break;
  }
  return join_text(strip_python(item.context), task.delimiter, item.continuation);
}

class RowReader {
 public:
  RowReader(const data::RecordSet& records, int64_t row, const Json& json) : records_(records), row_(row), json_(json) {}

  Status text(const char* key, std::string& out) const {
    const Json* value = json_.find(key);
    if (value == nullptr || !value->is_string()) return wrong(key, "must be a text");
    out = value->as_string();
    return {};
  }
  Status options(const char* key, CoreItem& item) const {
    const Json* list = json_.find(key);
    if (list == nullptr || !list->is_array() || list->size() == 0) return wrong(key, "must be a list of texts");
    for (const Json& option : list->as_array()) {
      if (!option.is_string()) return wrong(key, "must be a list of texts");
      item.options.push_back(option.as_string());
    }
    const Json* gold = json_.find("gold");
    if (gold == nullptr || !gold->is_int() || gold->as_int() < 0 || gold->as_int() >= static_cast<int64_t>(item.options.size()))
      return wrong("gold", "must be the number of an option, counted from 0");
    item.gold = gold->as_int();
    return {};
  }

 private:
  Error wrong(const char* key, const char* what) const { return records_.error_in(row_, join_text("key \"", key, "\" ", what)); }
  const data::RecordSet& records_;
  int64_t row_;
  const Json& json_;
};

Result<CoreItem> read_item(const CoreTask& task, const RowReader& row) {
  CoreItem item;
  switch (task.kind) {
    case CoreKind::kMultipleChoice:
      LATHE_TRY_STATUS(row.text("query", item.context));
      LATHE_TRY_STATUS(row.options("choices", item));
      break;
    case CoreKind::kSchema:
      LATHE_TRY_STATUS(row.options("context_options", item));
      LATHE_TRY_STATUS(row.text("continuation", item.continuation));
      break;
    case CoreKind::kLanguageModelling:
      LATHE_TRY_STATUS(row.text("context", item.context));
      LATHE_TRY_STATUS(row.text("continuation", item.continuation));
      break;
  }
  return item;
}

}  // namespace

Result<std::vector<CoreItem>> read_core_items(const CoreTask& task) {
  // A pipe would be waited for.
  if (std::error_code code; fs::exists(task.file, code) && !fs::is_regular_file(task.file, code)) return error_at(task.file.string(), -1, "is not a regular file");
  LATHE_TRY(const std::unique_ptr<data::RecordSet> records, data::RecordSet::open({task.file}));
  std::vector<CoreItem> items;
  for (int64_t row = 0; row < records->size(); ++row) {
    LATHE_TRY(const Json json, records->record(row));
    LATHE_TRY(items.emplace_back(), read_item(task, RowReader(*records, row, json)));
    items.back().row = row;
  }
  if (items.empty()) return error_at(task.file.string(), -1, "no items for task ", task.label);
  return items;
}

std::vector<CoreItem> draw_core_items(std::vector<CoreItem> items, int64_t max_per_task) {
  std::vector<int64_t> order = PythonRandom(kShuffleSeed).shuffled(static_cast<int64_t>(items.size()));
  if (max_per_task > 0 && max_per_task < static_cast<int64_t>(order.size())) order.resize(static_cast<size_t>(max_per_task));
  std::vector<CoreItem> out;
  for (const int64_t i : order) out.push_back(std::move(items[static_cast<size_t>(i)]));
  return out;
}

Result<std::vector<int64_t>> few_shot_examples(int64_t items, int64_t index, int64_t k) {
  if (k > items - 1) return error(k, " examples were asked for, but beside the item there are only ", items - 1, " others; take more items (--max-per-task) or fewer examples (num_fewshot)");
  std::vector<int64_t> drawn = PythonRandom(kFewShotSeed + static_cast<uint64_t>(index)).sample(items - 1, k);
  for (int64_t& i : drawn) i += i >= index ? 1 : 0;  // the pool leaves the item out
  return drawn;
}

std::string_view strip_python(std::string_view text) {
  while (const size_t bytes = white_space_at(text)) text.remove_prefix(bytes);
  while (true) {
    size_t bytes = 0;
    for (const size_t n : {size_t{1}, size_t{2}, size_t{3}})
      if (n <= text.size() && white_space_at(text.substr(text.size() - n)) == n) bytes = n;
    if (bytes == 0) return text;
    text.remove_suffix(bytes);
  }
}

std::vector<std::string> core_prompts(const CoreTask& task, std::span<const CoreItem* const> examples, const CoreItem& item) {
  std::string shots;
  for (const CoreItem* example : examples) shots += render(task, *example, static_cast<size_t>(example->gold)) + "\n\n";
  std::vector<std::string> out;
  if (task.kind == CoreKind::kLanguageModelling) {
    // The delimiter's trailing space must not become a token of its own.
    out.emplace_back(strip_python(join_text(shots, strip_python(item.context), task.delimiter)));
    out.push_back(shots + render(task, item, 0));
    return out;
  }
  for (size_t i = 0; i < item.options.size(); ++i) out.push_back(shots + render(task, item, i));
  return out;
}

Result<std::vector<ScoredSpan>> core_spans(CoreKind kind, std::vector<std::vector<int32_t>> tokens) {
  std::vector<ScoredSpan> spans;
  if (kind == CoreKind::kLanguageModelling) {
    const std::vector<int32_t>& without = tokens[0];
    if (without.size() >= tokens[1].size() || !std::equal(without.begin(), without.end(), tokens[1].begin()))
      return error("the tokens of the prompt do not begin those of the prompt with its continuation, so the continuation cannot be told apart");
    const auto start = static_cast<int64_t>(without.size()), end = static_cast<int64_t>(tokens[1].size());
    spans.push_back({std::move(tokens[1]), start, end});
    return spans;
  }
  size_t shortest = tokens[0].size();
  for (const auto& ids : tokens) shortest = std::min(shortest, ids.size());
  const auto all_have = [&](size_t i) {  // token i from the front, or in a schema from the back
    const bool schema = kind == CoreKind::kSchema;
    const auto at = [&](const std::vector<int32_t>& ids) { return schema ? ids[ids.size() - 1 - i] : ids[i]; };
    return std::all_of(tokens.begin(), tokens.end(), [&](const auto& ids) { return at(ids) == at(tokens[0]); });
  };
  size_t common = 0;
  while (common < shortest && all_have(common)) ++common;
  for (auto& ids : tokens) {
    const auto length = static_cast<int64_t>(ids.size()), shared = static_cast<int64_t>(common);
    if (kind == CoreKind::kMultipleChoice) spans.push_back({std::move(ids), shared, length});
    else if (shared == length) spans.push_back({std::move(ids), 1, 1});  // equal prompts: nothing tells them apart
    else spans.push_back({std::move(ids), length - shared, length});
  }
  return spans;
}

bool crop_left(ScoredSpan& span, int64_t max_tokens) {
  const int64_t crop = static_cast<int64_t>(span.ids.size()) - max_tokens;
  if (crop <= 0) return true;
  span.ids.erase(span.ids.begin(), span.ids.begin() + crop);
  if (span.start == span.end) {
    span.start = span.end = 1;
    return true;
  }
  span.start -= crop;
  span.end -= crop;
  return span.start >= 1;
}

}  // namespace lathe::eval
