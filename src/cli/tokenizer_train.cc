// lathe tokenizer train: learns a byte-level BPE from the train split of a corpus (rows C-2.9 to C-2.11, C-2.14, C-2.21,
// C-2.36, L-3.26).
#include <algorithm>
#include <optional>
#include <set>

#include "cli/report_section.h"
#include "cli/tokenizer_train_spm.h"
#include "cli/training.h"
#include "cli/verbs.h"
#include "core/folder_lock.h"
#include "core/log.h"
#include "core/machine.h"
#include "core/manifest.h"
#include "core/progress.h"
#include "data/corpus.h"
#include "tokenizer/tokenizer_file.h"
#include "tokenizer/train_report.h"

namespace lathe::cli {
namespace {

constexpr int64_t kBlockBytes = 16 << 20;  // of text handed over at a time

// The train split group by group, with progress; remembers which files were read.
class TrainText {
 public:
  explicit TrainText(std::shared_ptr<const data::Corpus> corpus)
      : corpus_(std::move(corpus)), reader_(corpus_, data::Split::kTrain), progress_("reading", 0, "MB") {}

  Status next(std::vector<std::string>& documents) {
    int64_t bytes = 0;
    while (bytes < kBlockBytes) {
      LATHE_TRY(const bool found, reader_.next_group(group_));
      if (!found) break;
      const auto part = static_cast<size_t>(reader_.part());
      files_read_.insert(corpus_->parts(data::Split::kTrain)[part].file);
      for (std::string& text : group_) {
        bytes += static_cast<int64_t>(text.size());
        documents.push_back(std::move(text));
      }
    }
    bytes_ += bytes;
    progress_.update(bytes_ / 1'000'000);
    if (documents.empty()) progress_.finish();
    return {};
  }

  std::vector<fs::path> files_read() const {
    std::vector<fs::path> paths;
    for (const int64_t file : files_read_) paths.push_back(corpus_->files()[static_cast<size_t>(file)]);
    return paths;
  }

 private:
  std::shared_ptr<const data::Corpus> corpus_;
  data::GroupReader reader_;
  Progress progress_;
  std::vector<std::string> group_;
  std::set<int64_t> files_read_;
  int64_t bytes_ = 0;
};

class TokenizerTrain : public Verb {
 public:
  VerbInfo info() const override {
    return {"tokenizer train", "data", "learn a vocabulary from a corpus", "lathe tokenizer train --data text/ --vocab-size 8192", "", 0};
  }
  void describe(SettingsTable& table) override {
    table.group("text");
    table.add("data", &data_, "corpus, a file or folder; empty: <base>/base_data");
    table.add("max_chars", &settings_.max_chars, "stop after the document that exceeds this total");
    table.add("doc_cap", &settings_.doc_cap, "characters read of each document");
    table.group("vocabulary");
    table.add("vocab_size", &settings_.vocab_size, "tokens, the special ones included");
    table.add("min_frequency", &min_frequency_, "pairs seen less often are not joined; the vocabulary may end smaller");
    table.add("style", &style_, "chat: special tokens last; hf: as Hugging Face's trainer has it, in its file form").choices = {"chat", "hf"};
    table.add("split", &split_, "where text is cut: chat, or a pattern that other engines know").choices = {"chat", "gpt2", "llama3", "qwen2"};
    table.group("run");
    table.add("output_dir", &output_dir_, "where the tokenizer goes; empty: <base>/tokenizer");
    table.add("memory", &memory_mb_, "MB for counting; what does not fit waits on disk, with the same result");
    frozen_.describe(table, {&settings_.vocab_size, &data_, &output_dir_});
  }
  Status read_config(SettingsTable& table, const Json& config, const std::string& path) override { return frozen_.read_config(table, config, path); }
  Result<Exit> run(Context& context) override;

 private:
  Status write_manifest_of(const Context& context, const fs::path& folder, const TrainText& text, const tokenizer::TrainResult& trained,
                           const std::string& started) const;

  FrozenTraining frozen_;
  std::string data_, style_ = "chat", split_ = "chat", output_dir_;
  int64_t min_frequency_ = 1, memory_mb_ = 1024;
  tokenizer::TrainSettings settings_;
};

Status TokenizerTrain::write_manifest_of(const Context& context, const fs::path& folder, const TrainText& text,
                                         const tokenizer::TrainResult& trained, const std::string& started) const {
  const tokenizer::TrainReport& report = trained.report;
  Manifest manifest;
  manifest.kind = "tokenizer";
  manifest.settings = context.settings();
  manifest.config_sha256 = config_hash(Json(Json::Object{{"max_chars", settings_.max_chars},
                                                         {"doc_cap", settings_.doc_cap},
                                                         {"vocab_size", settings_.vocab_size},
                                                         {"min_frequency", settings_.min_pair_count},
                                                         {"style", style_},
                                                         {"split", split_}}));
  manifest.seed = context.common().seed;
  manifest.tokenizer_sha256 = trained.tokenizer.hash();
  for (const fs::path& path : text.files_read()) {
    LATHE_TRY(FileRecord input, record_file(path));
    manifest.inputs.push_back(std::move(input));
  }
  LATHE_TRY(FileRecord output, record_file(folder / tokenizer::kTokenizerFile, tokenizer::kTokenizerFile));
  manifest.outputs.push_back(std::move(output));
  manifest.counts = Json(Json::Object{{"documents", report.documents},
                                      {"characters", report.characters},
                                      {"bytes", report.bytes},
                                      {"distinct_pieces", report.distinct_pieces},
                                      {"merges", report.merges},
                                      {"vocab_size", trained.tokenizer.vocab_size()}});
  manifest.started = started;
  manifest.ended = Clock::real().local_time();
  manifest.seconds = report.seconds();
  return write_manifest(folder, manifest);
}

Result<Exit> TokenizerTrain::run(Context& context) {
  if (frozen_.chosen(context)) return frozen_.run(context);
  const std::string started = Clock::real().local_time();
  LATHE_TRY(const fs::path base, context.base_folder());
  LATHE_TRY(const fs::path data, given_or_base(context, data_, "base_data"));
  const fs::path folder = output_dir_.empty() ? base / "tokenizer" : fs::path(output_dir_);
  if (min_frequency_ < 0) return error("min_frequency must be 0 or more, got ", min_frequency_);
  if (memory_mb_ < 1 || memory_mb_ > INT64_MAX >> 20) return error("memory must be 1 MB to ", INT64_MAX >> 20, " MB, got ", memory_mb_);
  settings_.min_pair_count = std::max<int64_t>(1, min_frequency_);  // a pair that never occurs cannot be joined
  settings_.memory = memory_mb_ << 20;
  settings_.style = style_ == "hf" ? tokenizer::TrainStyle::kHuggingFace : tokenizer::TrainStyle::kChat;
  settings_.split = tokenizer::find_split_name(split_);
  settings_.spill_folder = folder;
  LATHE_TRY_STATUS(make_folders(folder));  // before the long work, not after it
  LATHE_TRY_STATUS(verify_recorded(data, "make the data anew (lathe download, repackage or corpus, with --force)"));
  LATHE_TRY(const FolderLock lock, FolderLock::take(folder));
  LATHE_TRY(const auto corpus, data::Corpus::open(data));
  for (const std::string& line : tokenizer::settings_lines(settings_)) context.print(line);

  TrainText text(corpus);
  const auto next = [&](std::vector<std::string>& documents) { return text.next(documents); };
  LATHE_TRY(const tokenizer::TrainResult trained, tokenizer::train_bpe(settings_, next));
  const tokenizer::Tokenizer& tokenizer = trained.tokenizer;
  context.print(tokenizer::time_line(trained.report));
  if (tokenizer.vocab_size() < settings_.vocab_size) {
    context.print("Vocabulary: ", with_thousands(tokenizer.vocab_size()), " tokens of the ", with_thousands(settings_.vocab_size), " wanted");
    log_warning("tokenizer", "no pair is left that occurs ", settings_.min_pair_count,
                " times or more; give more text, a smaller --vocab-size or a smaller --min-frequency");
  }

  LATHE_TRY_STATUS(tokenizer::check_round_trip(tokenizer));
  LATHE_TRY_STATUS(tokenizer::save_trained(tokenizer, settings_.style, folder));
  LATHE_TRY(const tokenizer::Tokenizer saved, tokenizer::Tokenizer::load(folder));
  LATHE_TRY_STATUS(tokenizer::check_round_trip(saved));
  LATHE_TRY_STATUS(write_manifest_of(context, folder, text, trained, started));
  const Json section = tokenizer::training_section(settings_, trained.report, tokenizer);
  LATHE_TRY(const fs::path report, write_report_section(base, "Tokenizer training", {section}));
  context.print("Saved tokenizer to ", (folder / tokenizer::kTokenizerFile).string());
  context.print("Saved manifest to ", (folder / "manifest.json").string());
  context.print("Saved report section to ", report.string());

  Json figures = section;
  figures["vocab_size"] = tokenizer.vocab_size();
  figures["train_s"] = trained.report.seconds();
  figures["documents"] = trained.report.documents;
  figures["characters"] = trained.report.characters;
  figures["bytes"] = trained.report.bytes;
  figures["distinct_pieces"] = trained.report.distinct_pieces;
  figures["runs"] = trained.report.runs;
  figures["peak_rss_mb"] = peak_rss_mb();
  figures["tokenizer"] = (folder / tokenizer::kTokenizerFile).string();
  figures["sha256"] = tokenizer.hash();
  return context.finish(figures);
}

}  // namespace

std::unique_ptr<Verb> make_tokenizer_train() { return std::make_unique<TokenizerTrain>(); }

}  // namespace lathe::cli
