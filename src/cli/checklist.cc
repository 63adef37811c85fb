#include "cli/checklist.h"

#include <algorithm>

#include "core/json.h"
#include "core/text.h"
#include "data/corpus.h"
#include "tokenizer/tokenizer.h"
#include "train/checkpoint.h"

namespace lathe::cli {
namespace {

constexpr double kGigabyte = 1 << 30, kWholeRunGigabytes = 50;

ChecklistItem disk(const fs::path& base) {
  ChecklistItem item{"disk", false, true, "", "free some disk, or give a larger folder with --base-dir"};
  const Result<int64_t> free_bytes = free_disk_bytes(base);
  if (!free_bytes.ok()) {
    item.text = free_bytes.error().to_string();
    return item;
  }
  const double gigabytes = static_cast<double>(free_bytes.value()) / kGigabyte;
  item.done = gigabytes >= kWholeRunGigabytes;
  item.text = format_text("%.0f GB free; a whole run of the chat origin's size takes about %.0f GB", gigabytes, kWholeRunGigabytes);
  return item;
}

ChecklistItem tokenizer(const fs::path& base) {
  ChecklistItem item{"tokenizer", false, true, "not trained", "lathe tokenizer train"};
  const fs::path path = base / "tokenizer";
  std::error_code code;
  if (!fs::exists(path, code)) return item;
  const auto loaded = tokenizer::Tokenizer::load(path);
  item.done = loaded.ok();
  item.text = loaded.ok() ? join_text(with_thousands(loaded.value().vocab_size()), " tokens") : loaded.error().to_string();
  return item;
}

ChecklistItem shards(const fs::path& base) {
  ChecklistItem item{"shards", false, true, "none in base_data", "lathe download fineweb -n 8, or lathe synth"};
  std::error_code code;
  if (!fs::exists(base / "base_data", code)) return item;
  const auto corpus = data::Corpus::open(base / "base_data", data::SplitRule::kAuto);
  const auto files = list_files(base / "base_data", {".parquet", ".jsonl", ".txt", ".gz", ".zst"}, false);
  item.done = corpus.ok();
  item.text = corpus.ok() && files.ok() ? join_text(files.value().size(), " files in base_data") : corpus.ok() ? "" : corpus.error().to_string();
  return item;
}

ChecklistItem stage(const fs::path& base, const std::string& name, const char* folder, const std::string& tag, const std::string& command, bool expected = true) {
  ChecklistItem item{name, false, expected, "not trained", command};
  const auto steps = train::checkpoint_steps(base / folder / tag);
  if (tag.empty() || !steps.ok() || steps.value().empty()) return item;
  item.done = true;
  item.text = join_text(tag, ", step ", steps.value().back());
  return item;
}

// A stage's evaluation: its section of the report, or figures in its summary.
ChecklistItem evaluation(const fs::path& base, const std::string& name, const std::string& source, const char* section, const std::string& tag, const std::string& command,
                         bool expected = true) {
  ChecklistItem item{name, false, expected, "not run", command};
  std::error_code code;
  const fs::path report = base / "report" / section, summary = base / "eval_results" / tag / source / "summary.json";
  for (const fs::path& path : {report, summary})
    if (!item.done && (path == report || !tag.empty()) && fs::exists(path, code)) {
      item.done = true;
      item.text = path.string();
    }
  return item;
}

ChecklistItem report(const fs::path& base) {
  ChecklistItem item{"report", false, true, "not written", "lathe report"};
  const fs::path path = base / "report" / "report.md";
  std::error_code code;
  item.done = fs::exists(path, code);
  if (item.done) item.text = path.string();
  return item;
}

}  // namespace

std::vector<ChecklistItem> run_checklist(const fs::path& base, const std::string& given) {
  std::string tag = given;
  if (const auto guess = train::guess_tag(base / "base_checkpoints"); tag.empty() && guess.ok()) tag = guess.value();
  const std::string with_tag = tag.empty() ? "" : " --tag " + tag;
  return {disk(base),
          tokenizer(base),
          shards(base),
          stage(base, "base training", "base_checkpoints", tag, "lathe train" + with_tag),
          evaluation(base, "base evaluation", "base", "base-model-evaluation.md", tag, "lathe eval core" + with_tag),
          stage(base, "mid-training", "mid_checkpoints", tag, "lathe mid" + with_tag, false),
          stage(base, "fine-tuning", "chatsft_checkpoints", tag, "lathe sft" + with_tag),
          evaluation(base, "chat evaluation", "sft", "chat-evaluation-sft.md", tag, "lathe eval chat --source sft" + with_tag),
          stage(base, "reinforcement", "chatrl_checkpoints", tag, "lathe rl" + with_tag, false),
          report(base)};
}

}  // namespace lathe::cli
