// lathe pack: a corpus and its tokenizer to shards of token sequences (rows L-1.31 to L-1.34, L-4).
#include <algorithm>

#include "cli/verbs.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/machine.h"
#include "core/manifest.h"
#include "core/output_folder.h"
#include "data/corpus.h"
#include "data/packed_manifest.h"
#include "data/packer.h"
#include "tokenizer/frozen.h"

namespace lathe::cli {
namespace {

constexpr const char* kCorpusRemedy =
    "make it: lathe corpus --config config/pretrain/corpus/tiny_23M_chinchilla_500M.json --output-dir "
    "data/datasets/tiny_23M_corpus";
constexpr const char* kTokenizerRemedy =
    "make one: lathe tokenizer train --config config/pretrain/tokenizer/spm32k.json --output-dir "
    "data/models/tokenizers/spm_32k";

constexpr int64_t kShownSources = 20;

// Objects of the lab's config files and the settings they hold (row L-4.2).
const std::vector<std::pair<std::string, std::vector<std::string>>>& config_objects() {
  static const std::vector<std::pair<std::string, std::vector<std::string>>> objects = {
      {"packing_params",
       {"sequence_length", "train_val_split", "packing_strategy", "shuffle", "seed", "add_bos", "tail",
        "mask_across_documents"}},
      {"optimization", {"shard_size", "num_workers", "buffer_size"}},
  };
  return objects;
}

// What is packed: files, and what the manifest says of them.
struct Input {
  std::vector<fs::path> files;
  fs::path root;
  std::vector<FileRecord> records;
  std::string corpus_manifest_sha256;
  std::optional<Manifest> manifest;  // of a corpus folder
};

class Pack : public Verb {
 public:
  VerbInfo info() const override {
    return {"pack",
            "data",
            "tokens in shards for training, from a corpus and its tokenizer",
            "lathe pack --corpus-dir data/datasets/web --tokenizer-dir data/tokenizer --output-dir data/processed/web",
            "",
            0};
  }
  void describe(SettingsTable& table) override;
  Status read_config(SettingsTable& table, const Json& config, const std::string& path) override;
  Result<Exit> run(Context& context) override;

 private:
  Result<data::PackSettings> pack_settings(const Context& context) const;
  Result<Input> find_input() const;
  Result<int64_t> estimated_tokens(const Input& input) const;

  std::string corpus_dir_, data_, tokenizer_dir_, output_dir_;
  bool force_ = false;
  std::string strategy_ = "greedy", tail_ = "drop";
  data::PackSettings settings_;
};

void Pack::describe(SettingsTable& table) {
  table.group("files");
  table.add("corpus_dir", &corpus_dir_, "folder that lathe corpus wrote; its manifest is verified");
  table.add("data", &data_, "instead: any text, jsonl or parquet file, or a folder of them");
  table.add("tokenizer_dir", &tokenizer_dir_, "folder of the tokenizer; there is no default").aliases = {
      "tokenizer_path"};
  table.add("output_dir", &output_dir_, "folder for the shards");
  table.add("force", &force_, "replace what the output folder holds");
  table.group("packing");
  table.add("sequence_length", &settings_.sequence_length, "tokens of a sequence");
  table.add("train_val_split", &settings_.train_val_split, "share of the documents that train");
  table
      .add("packing_strategy", &strategy_, "of documents into rows; best_fit cuts fewer")
      .choices = {"greedy", "best_fit"};
  table.add("tail", &tail_, "tokens after the last whole sequence").choices = {"drop", "pad"};
  table.add("shuffle", &settings_.shuffle, "permute the documents");
  table.add("add_bos", &settings_.add_bos, "start each document with the start token");
  table.add("mask_across_documents", &settings_.mask_across_documents,
            "record that attention and positions should stay inside documents");
  table.group("optimization");
  table.add("shard_size", &settings_.shard_size, "sequences of a shard");
  table.add("num_workers", &settings_.num_workers, "threads; they change the speed alone");
  table.add("buffer_size", &settings_.buffer_size, "documents in flight; best_fit chooses among them");
}

Status Pack::read_config(SettingsTable& table, const Json& config, const std::string& path) {
  if (!config.is_object()) return error_at(path, -1, "must be a JSON object");
  Json flat = Json::object();
  for (const auto& [key, value] : config.as_object()) {
    const auto& objects = config_objects();
    const auto object =
        std::find_if(objects.begin(), objects.end(), [&k = key](const auto& o) { return o.first == k; });
    if (object == objects.end()) {
      flat[key] = value;
      continue;
    }
    if (!value.is_object()) return error_at(path, -1, "\"", key, "\" must be an object");
    for (const auto& [inner, setting] : value.as_object()) {
      if (inner.starts_with("_")) continue;
      const std::vector<std::string>& known = object->second;
      if (std::find(known.begin(), known.end(), inner) == known.end()) {
        const std::string near = nearest_word(inner, known);
        return error_at(path, -1, "unknown key \"", key, ".", inner, "\"",
                        near.empty() ? "" : "; did you mean \"" + near + "\"?");
      }
      flat[inner] = setting;
    }
  }
  return table.read_object(flat, path);
}

Result<data::PackSettings> Pack::pack_settings(const Context& context) const {
  data::PackSettings settings = settings_;
  LATHE_TRY(settings.strategy, data::parse_packing_strategy(strategy_));
  settings.tail = tail_ == "pad" ? data::TailRule::kPad : data::TailRule::kDrop;
  settings.seed = static_cast<uint64_t>(context.common().seed);
  return settings;
}

Result<Input> Pack::find_input() const {
  Input input;
  if (!data_.empty()) {
    LATHE_TRY(const auto corpus, data::Corpus::open(data_, data::SplitRule::kTrainOnly));
    input.files = corpus->files();
    input.root = data_;
    for (const fs::path& file : input.files) {
      LATHE_TRY(FileRecord record, record_file(file));
      input.records.push_back(std::move(record));
    }
    return input;
  }
  input.root = corpus_dir_;
  LATHE_TRY(input.manifest, read_manifest(input.root, "corpus", kCorpusRemedy));
  for (const FileRecord& output : input.manifest->outputs) {
    const std::string name = fs::path(output.path).filename().string();
    const auto& endings = data::document_endings();
    if (name.starts_with("shard") &&
        std::any_of(endings.begin(), endings.end(), [&](const std::string& e) { return name.ends_with(e); }))
      input.files.push_back(input.root / output.path);
  }
  std::sort(input.files.begin(), input.files.end());
  if (input.files.empty()) return error_at(corpus_dir_, -1, "its manifest lists no shard; ", kCorpusRemedy);
  LATHE_TRY(FileRecord record, record_file(input.root / kManifestFile));
  input.corpus_manifest_sha256 = record.sha256;
  input.records.push_back(std::move(record));
  return input;
}

Result<int64_t> Pack::estimated_tokens(const Input& input) const {
  if (!input.manifest) return int64_t{0};
  const Json* value = input.manifest->counts.find("estimated_tokens");
  return value != nullptr && value->is_int() ? value->as_int() : int64_t{0};
}

// What an interrupted run of the same settings left: a shard is whole or absent, but temporary names may stand there
// too.
Status empty_folder(const fs::path& folder) {
  std::error_code code;
  for (const auto& entry : fs::directory_iterator(folder, code))
    if (!entry.path().filename().string().starts_with(".config")) fs::remove_all(entry.path(), code);
  if (code) return error_at(folder.string(), -1, "cannot be emptied: ", code.message());
  return {};
}

void print_report(Context& context, const data::PackReport& report, int64_t estimated) {
  const data::SourceCounts total = report.total();
  const auto line = [&](const std::string& name, const data::SourceCounts& counts) {
    const auto tokens = static_cast<double>(std::max<int64_t>(1, counts.tokens));
    context.print(format_text("%-24s %14s documents %16s tokens  %.3f characters a token  %.4f %% unknown",
                              name.c_str(), with_thousands(counts.documents).c_str(),
                              with_thousands(counts.tokens).c_str(), static_cast<double>(counts.characters) / tokens,
                              100 * static_cast<double>(counts.unknown) / tokens));
  };
  std::vector<data::SourceCounts> largest = report.sources;
  std::stable_sort(largest.begin(), largest.end(), [](const auto& a, const auto& b) { return a.tokens > b.tokens; });
  if (std::ssize(largest) > kShownSources) largest.resize(kShownSources);
  for (const data::SourceCounts& counts : largest) line(counts.source, counts);
  if (largest.size() < report.sources.size())
    context.print("... and ", report.sources.size() - largest.size(), " smaller sources, all in the manifest");
  if (report.sources.size() != 1) line("all", total);
  for (const auto& [name, counts] :
       {std::pair<const char*, const data::SplitCounts&>{"train", report.train}, {"val", report.validation}})
    context.print(
        format_text("%-24s %14s documents %16s tokens  %s sequences, %s tokens dropped, %s padding, %s documents cut "
                    "by a row's end",
                    name, with_thousands(counts.documents).c_str(), with_thousands(counts.encoded).c_str(),
                    with_thousands(counts.sequences).c_str(), with_thousands(counts.dropped).c_str(),
                    with_thousands(counts.padding).c_str(), with_thousands(counts.cut_documents).c_str()));
  if (estimated > 0)
    context.print("Tokens against the corpus' estimate: ", with_thousands(total.tokens), " of ",
                  with_thousands(estimated),
                  format_text(" (%.3f)", static_cast<double>(total.tokens) / static_cast<double>(estimated)));
}

Result<Exit> Pack::run(Context& context) {
  const double began = Clock::real().seconds();
  Manifest manifest;
  manifest.started = Clock::real().local_time();
  if (tokenizer_dir_.empty() || output_dir_.empty() || corpus_dir_.empty() == data_.empty()) {
    log_error("pack",
              "needs --tokenizer-dir, --output-dir and one of --corpus-dir and --data; there is no default for them. "
              "`lathe pack --help` has an example");
    return Exit::kUsage;
  }
  context.print("Settings: ", context.settings().dump(2));
  LATHE_TRY(data::PackSettings settings, pack_settings(context));
  std::error_code code;
  if (!fs::exists(tokenizer_dir_, code)) return error_at(tokenizer_dir_, -1, "No tokenizer found; ", kTokenizerRemedy);
  LATHE_TRY(const tokenizer::FrozenTokenizer frozen, tokenizer::load_frozen(tokenizer_dir_));
  const tokenizer::Tokenizer& tokenizer = frozen.tokenizer;
  const std::string& tokenizer_hash = frozen.hash;
  LATHE_TRY(const Input input, find_input());

  Json identity = data::deciding_settings(settings);
  identity["tokenizer_sha256"] = tokenizer_hash;
  identity["inputs"] = Json::array();
  for (const FileRecord& record : input.records) identity["inputs"].push_back(record.sha256);
  manifest.config_sha256 = config_hash(identity);
  LATHE_TRY(OutputFolder output, OutputFolder::open(output_dir_, manifest.config_sha256, force_));
  if (output.done()) {
    LATHE_TRY(const Manifest former, read_manifest(output.path(), "", ""));
    LATHE_TRY_STATUS(verify_outputs(output.path(), former, "--force packs again"));
    context.print(output_dir_, " is already done: the same corpus, tokenizer and settings. --force packs again");
    return context.finish(Json(Json::Object{{"already_done", true}, {"folder", output_dir_}}));
  }
  if (input.manifest) LATHE_TRY_STATUS(verify_outputs(input.root, *input.manifest, kCorpusRemedy));
  LATHE_TRY_STATUS(empty_folder(output.work()));

  data::RecordReader reader(input.files, input.root);
  LATHE_TRY(const data::PackReport report, data::pack(reader, tokenizer, tokenizer_hash, settings, output.work()));
  LATHE_TRY(const int64_t estimated, estimated_tokens(input));
  if (report.validation.sequences == 0 && settings.train_val_split < 1)
    log_warning("pack", "the validation part has ", report.validation.encoded,
                " tokens, less than one sequence: there is none");
  print_report(context, report, estimated);

  manifest.settings = context.settings();
  manifest.inputs = input.records;
  if (!input.corpus_manifest_sha256.empty()) manifest.details["corpus_manifest_sha256"] = input.corpus_manifest_sha256;
  manifest.ended = Clock::real().local_time();
  manifest.seconds = Clock::real().seconds() - began;
  LATHE_TRY_STATUS(
      data::write_packed_manifest(output.work(), manifest, report, settings, tokenizer, tokenizer_hash, estimated));
  LATHE_TRY_STATUS(output.commit());
  context.print("Packed into ", output.path().string());

  Json figures = report.to_json(estimated);
  const double seconds = Clock::real().seconds() - began;
  figures["folder"] = output.path().string();
  figures["tokenizer_sha256"] = tokenizer_hash;
  figures["seconds"] = seconds;
  figures["encode_seconds"] = report.encode_seconds;
  figures["write_seconds"] = report.write_seconds;
  figures["mb_per_s"] = static_cast<double>(report.total().bytes) / 1e6 / std::max(seconds, 1e-9);
  figures["peak_rss_mb"] = peak_rss_mb();
  return context.finish(figures);
}

}  // namespace

std::unique_ptr<Verb> make_pack() { return std::make_unique<Pack>(); }

}  // namespace lathe::cli
