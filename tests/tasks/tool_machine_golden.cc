// Transcripts of the tool state machine, replayed with the reference's tokenizer (its ranks, read here by a slow
// byte-pair encoder that serves the short results of the calculator).
#include <algorithm>
#include <limits>
#include <map>

#include "core/file.h"
#include "tasks/tool_machine.h"
#include "tests/ref/testing.h"

namespace lathe::tasks {
namespace {

std::string from_base64(std::string_view text) {
  static const std::string kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    const size_t value = kAlphabet.find(c);
    if (value == std::string::npos) break;
    bits = bits << 6 | static_cast<uint32_t>(value);
    if ((count += 6) >= 8) out += static_cast<char>(bits >> (count -= 8) & 0xFF);
  }
  return out;
}

class SlowTokenizer {
 public:
  SlowTokenizer(const std::string& ranks, const Json& special) {
    for (const std::string& line : split_text(ranks, '\n')) {
      const size_t blank = line.find(' ');
      if (blank == std::string::npos) continue;
      const std::string token = from_base64(line.substr(0, blank));
      const int32_t id = std::stoi(line.substr(blank + 1));
      ids_[token] = id;
      tokens_[id] = token;
    }
    for (const auto& [name, id] : special.as_object()) tokens_[static_cast<int32_t>(id.as_int())] = name;
  }
  std::string decode(const std::vector<int32_t>& ids) const {
    std::string out;
    for (const int32_t id : ids) out += tokens_.at(id);
    return out;
  }
  std::vector<int32_t> encode(std::string_view text) const {
    std::vector<int32_t> out;
    while (!text.empty()) {
      const auto kind = [](char c) { return std::isdigit(c) ? 1 : std::isalpha(c) ? 2 : 3; };
      size_t size = 1;
      while (size < text.size() && kind(text[size]) == kind(text[0]) && (kind(text[0]) != 1 || size < 2)) ++size;
      std::vector<std::string> parts;
      for (const char c : text.substr(0, size)) parts.emplace_back(1, c);
      for (;;) {
        int32_t best = std::numeric_limits<int32_t>::max();
        size_t at = 0;
        for (size_t i = 0; i + 1 < parts.size(); ++i) {
          const auto found = ids_.find(parts[i] + parts[i + 1]);
          if (found != ids_.end() && found->second < best) best = found->second, at = i;
        }
        if (best == std::numeric_limits<int32_t>::max()) break;
        parts[at] += parts[at + 1];
        parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(at) + 1);
      }
      for (const std::string& part : parts) out.push_back(ids_.at(part));
      text.remove_prefix(size);
    }
    return out;
  }

 private:
  std::map<std::string, int32_t> ids_;
  std::map<int32_t, std::string> tokens_;
};

std::vector<int32_t> ints(const Json& array) {
  std::vector<int32_t> out;
  for (const Json& item : array.as_array()) out.push_back(static_cast<int32_t>(item.as_int()));
  return out;
}

// C-10.8, C-10.9, C-10.10
TEST(ToolMachineGolden, TranscriptsMatchColumnByColumn) {
  const auto folder = testing::golden("chat_render");
  LATHE_NEEDS(folder / "engine.jsonl");
  LATHE_NEEDS(testing::golden("tok512") / "ranks.tiktoken");
  const Json meta = testing::read_json_or_fail(folder / "meta.json");
  const Json& special = meta.at("special_tokens");
  const SlowTokenizer tokenizer(testing::take(read_file(testing::golden("tok512") / "ranks.tiktoken")), special);
  const auto id = [&](const char* name) { return static_cast<int32_t>(special.at(name).as_int()); };
  const ToolTokens tokens{id("<|bos|>"),        id("<|assistant_end|>"), id("<|python_start|>"),
                          id("<|python_end|>"), id("<|output_start|>"),  id("<|output_end|>")};
  const ToolText text{[&](const auto& ids) { return tokenizer.decode(ids); },
                      [&](std::string_view result) { return tokenizer.encode(result); }};

  const std::vector<Json> transcripts = testing::read_jsonl(folder / "engine.jsonl");
  ASSERT_FALSE(transcripts.empty());
  for (size_t number = 0; number < transcripts.size(); ++number) {
    SCOPED_TRACE(number);
    const Json& transcript = transcripts[number];
    std::vector<std::vector<int32_t>> scripts;
    for (const Json& script : transcript.at("scripts").as_array()) scripts.push_back(ints(script));
    const size_t rows = scripts.size();
    std::vector<ToolMachine> machines(rows, ToolMachine(tokens, text, CalculatorMode::kCompatible));
    std::vector<std::vector<int32_t>> kept(rows), kept_masks(rows);
    const Json& columns = transcript.at("columns");
    size_t steps = 0;
    const auto all_completed = [&] {
      return std::all_of(machines.begin(), machines.end(), [](const ToolMachine& m) { return m.completed(); });
    };
    while (static_cast<int64_t>(steps) < transcript.at("max_tokens").as_int() && !all_completed()) {
      ASSERT_LT(steps, columns.size());
      std::vector<int32_t> column, mask;
      for (size_t row = 0; row < rows; ++row) {
        const int32_t drawn = steps < scripts[row].size() ? scripts[row][steps] : tokens.assistant_end;
        const bool was_completed = machines[row].completed();
        const ToolMachine::Step step = machines[row].advance(drawn);
        column.push_back(step.token);
        mask.push_back(step.sampled ? 1 : 0);
        if (was_completed || machines[row].completed()) continue;
        kept[row].push_back(step.token);
        kept_masks[row].push_back(step.sampled ? 1 : 0);
      }
      EXPECT_EQ(column, ints(columns.at(steps))) << "step " << steps;
      EXPECT_EQ(mask, ints(transcript.at("masks").at(steps))) << "step " << steps;
      ++steps;
    }
    EXPECT_EQ(steps, columns.size());
    for (size_t row = 0; row < rows; ++row) {
      EXPECT_EQ(kept[row], ints(transcript.at("batch_results").at(row)));
      EXPECT_EQ(kept_masks[row], ints(transcript.at("batch_masks").at(row)));
    }
  }
}

}  // namespace
}  // namespace lathe::tasks
