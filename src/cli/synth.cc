// lathe synth: the built-in corpus, from a seed.
#include <algorithm>
#include <optional>

#include "cli/verbs.h"
#include "core/log.h"
#include "core/progress.h"
#include "data/document_file.h"
#include "tasks/synth.h"
#include "tasks/synth_pairs.h"

namespace lathe::cli {
namespace {

constexpr int64_t kMegabyte = 1'000'000;

class Synth : public Verb {
 public:
  VerbInfo info() const override {
    return {"synth", "data", "write the built-in corpus: stories, facts, sums, spelling, choices, dialogues", "lathe synth --size-mb 30 --seed 1", "", 0};
  }
  void describe(SettingsTable& table) override {
    table.group("corpus");
    tasks::describe(table, &settings_);
    table.add("pairs", &pairs_, "preference pairs for dpo/train.jsonl; 0: none");
    table.add("out", &out_, "folder of base_data/, sft/, dpo/ and eval/; empty: the base folder");
  }
  void adjust_common(CommonOptions& common) override { common.seed = settings_.seed; }
  Result<Exit> run(Context& context) override;

 private:
  void print_kinds(Context& context, const char* title, const Json& counts) const;

  tasks::SynthSettings settings_;
  std::string out_;
  int64_t pairs_ = 6000;
};

// Training reads every document file of the folder, and .parquet files before all others.
void warn_of_other_files(const fs::path& folder, const Json& outputs) {
  const auto files = list_files(folder / "base_data", data::document_endings(), true);
  if (!files.ok()) return;
  for (const fs::path& file : files.value()) {
    const std::string name = file.lexically_relative(folder).generic_string();
    const auto& written = outputs.as_array();
    if (std::any_of(written.begin(), written.end(), [&](const Json& output) { return output.at("path").as_string() == name; })) continue;
    log_warning("synth", file.string(), " was there before and is no part of this corpus; move it away, or training reads it, too");
  }
}

void Synth::print_kinds(Context& context, const char* title, const Json& counts) const {
  context.print(title, ": ", with_thousands(counts.at("records").as_int()), " records, ",
                format_text("%.1f MB", static_cast<double>(counts.at("text_bytes").as_int()) / kMegabyte), ", ",
                with_thousands(counts.at("repeated_records").as_int()), " repeated");
  for (const auto& [kind, figures] : counts.at("kinds").as_object())
    context.print(format_text("  %-14s%10s records %8.1f MB", kind.c_str(), with_thousands(figures.at("records").as_int()).c_str(),
                              static_cast<double>(figures.at("text_bytes").as_int()) / kMegabyte));
}

Result<Exit> Synth::run(Context& context) {
  settings_.seed = context.common().seed;
  fs::path folder = out_;
  if (out_.empty()) {
    LATHE_TRY(folder, context.base_folder());
  }
  Json manifest;
  std::optional<Progress> pages(std::in_place, "base text", settings_.size_mb, "MB"), chats;
  LATHE_TRY_STATUS(tasks::write_corpus(settings_, folder, &manifest, [&](int64_t text_bytes, int64_t conversations) {
    if (conversations == 0) return pages->update(text_bytes / kMegabyte);
    if (!chats) {
      pages->finish();
      chats.emplace("conversations", settings_.conversations, "conversations");
    }
    chats->update(std::min(conversations, settings_.conversations));
  }));
  pages.reset();
  chats.reset();
  print_kinds(context, "base text", manifest.at("base"));
  print_kinds(context, "conversations", manifest.at("sft"));
  print_kinds(context, "validation conversations", manifest.at("sft_val"));
  for (const auto& [task, figures] : manifest.at("eval").as_object())
    context.print(format_text("cases of %-9s%7s, majority baseline %.3f", task.c_str(), with_thousands(figures.at("cases").as_int()).c_str(),
                              figures.at("majority_baseline").as_double()));
  if (pairs_ < 0) return error_at("pairs", -1, "must not be negative");
  if (pairs_ > 0) {
    LATHE_TRY_STATUS(tasks::write_pairs(static_cast<uint64_t>(settings_.seed), pairs_, folder));
    context.print("preference pairs: ", with_thousands(pairs_), " in ", (folder / "dpo" / "train.jsonl").string());
  }
  context.print("Saved manifest to ", (folder / "manifest.json").string());
  warn_of_other_files(folder, manifest.at("outputs"));

  Json figures = manifest;
  const double seconds = manifest.at("seconds").as_double();
  int64_t bytes = 0;
  for (const Json& output : manifest.at("outputs").as_array()) bytes += output.at("bytes").as_int();
  figures["folder"] = folder.string();
  figures["mb_per_s"] = static_cast<double>(bytes) / kMegabyte / std::max(seconds, 1e-9);
  return context.finish(figures);
}

}  // namespace

std::unique_ptr<Verb> make_synth() { return std::make_unique<Synth>(); }

}  // namespace lathe::cli
