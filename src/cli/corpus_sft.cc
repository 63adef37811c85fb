// lathe corpus sft: sets of conversations to a checked, filtered corpus for fine-tuning (rows L-1.42 to L-1.44, L-7.8 to
// L-7.13). Origin: 60_prepare_sft_corpus.
#include "cli/config_files.h"
#include "cli/verbs.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/output_folder.h"
#include "corpus/sft_corpus.h"
#include "corpus/source.h"
#include "tasks/conversation_file.h"
#include "tokenizer/frozen.h"

namespace lathe::cli {
namespace {

constexpr const char* kProcessed = "data/sft_processed";  // of the working folder (row L-1.43)
constexpr const char* kTokenizerRemedy =
    "make one: lathe tokenizer train --config config/pretrain/tokenizer/spm32k.json --output-dir data/models/tokenizers/spm_32k";

class CorpusSft : public Verb {
 public:
  VerbInfo info() const override {
    return {"corpus sft", "data", "turn sets of conversations into a filtered corpus for fine-tuning",
            "lathe corpus sft --config config/sft/datasets/alpaca_chatml.json --tokenizer-dir data/tokenizer", "", 0};
  }
  void describe(SettingsTable& table) override {
    table.group("corpus");
    table.add("tokenizer_dir", &tokenizer_dir_, "folder of the tokenizer; there is no default").aliases = {"tokenizer_path"};
    table.add("output_dir", &output_, "folder to write; empty: data/sft_processed/<name of the config>");
    table.add("source_map", &source_map_, "NAME=PATH: local files in the place of a data set; several are parted by blanks");
    table.add("force", &force_, "replace what the folder holds");
  }
  Status read_config(SettingsTable&, const Json& config, const std::string& path) override {
    LATHE_TRY(settings_, corpus::SftSettings::read(config, path));
    config_path_ = path;
    return {};
  }
  Result<Exit> run(Context& context) override;

 private:
  struct Files {
    std::vector<std::vector<fs::path>> of_dataset;
    std::vector<FileRecord> records;
  };
  Result<Files> find_files(const Context& context) const;
  Result<std::vector<corpus::SftConversation>> read(const Files& files) const;
  void print(Context& context, const corpus::SftCorpus& corpus) const;

  corpus::SftSettings settings_;
  std::string config_path_, tokenizer_dir_, output_;
  std::vector<std::string> source_map_;
  bool force_ = false;
};

Result<CorpusSft::Files> CorpusSft::find_files(const Context& context) const {
  LATHE_TRY(const corpus::SourceMap map, corpus::parse_source_map(source_map_));
  LATHE_TRY(const fs::path base, context.base_folder());
  Files out;
  for (const corpus::SftDatasetSettings& set : settings_.datasets) {
    corpus::SourceSettings source;
    source.name = set.name, source.type = set.type, source.path = set.path;
    source.dataset_name = set.dataset_name, source.subset = set.subset, source.split = set.split;
    std::error_code code;
    const fs::path beside = fs::path(config_path_).parent_path() / set.path;  // row L-1.10
    if (!set.path.empty() && !fs::exists(set.path, code) && fs::exists(beside, code)) source.path = beside.string();
    LATHE_TRY(const std::vector<corpus::SourceFile> files, corpus::resolve_source(source, map, base));
    out.of_dataset.emplace_back();
    for (const corpus::SourceFile& file : files) {
      out.of_dataset.back().push_back(file.path);
      LATHE_TRY(FileRecord record, record_file(file.path));
      out.records.push_back(std::move(record));
    }
  }
  return out;
}

Result<std::vector<corpus::SftConversation>> CorpusSft::read(const Files& files) const {
  std::vector<corpus::SftConversation> out;
  for (size_t d = 0; d < settings_.datasets.size(); ++d) {
    const corpus::SftDatasetSettings& set = settings_.datasets[d];
    tasks::ConversationFileOptions options;
    if (!set.custom_processing.form.empty()) {
      LATHE_TRY(options.form, tasks::find_conversation_form(set.custom_processing.form));
    }
    options.options.prompt_field = set.text_fields.prompt;
    options.options.response_field = set.text_fields.response;
    options.options.input_field = set.text_fields.input.empty() ? set.text_fields.context : set.text_fields.input;
    options.options.language = set.custom_processing.language;
    options.options.max_rank = set.custom_processing.max_rank;
    options.options.skip_synthetic = set.custom_processing.skip_synthetic;
    options.options.name = set.custom_processing.name;
    options.options.author = set.custom_processing.author;
    for (const fs::path& path : files.of_dataset[d]) {
      LATHE_TRY(const tasks::ConversationSetPtr conversations, tasks::open_conversations(path, options));
      for (int64_t i = 0; i < conversations->size(); ++i) {
        LATHE_TRY(tasks::Example example, conversations->get(i));
        corpus::SftConversation c{std::move(example.conversation), static_cast<int64_t>(d), example.about.get_string("tree", "")};
        // A template may have a place of its own for the input (row L-7.4).
        const std::string instruction = example.about.get_string("instruction", ""), input = example.about.get_string("input", "");
        if (!input.empty() && !instruction.empty())
          for (tokenizer::Message& message : c.conversation.messages)
            if (message.role == tokenizer::Role::kUser) {
              message.content = instruction, message.input = input;
              break;
            }
        out.push_back(std::move(c));
      }
    }
  }
  return out;
}

void CorpusSft::print(Context& context, const corpus::SftCorpus& corpus) const {
  for (size_t d = 0; d < settings_.datasets.size(); ++d) {
    const corpus::SftCounts& n = corpus.datasets[d];
    context.print(settings_.datasets[d].name, ": ", with_thousands(n.read), " conversations read, ", with_thousands(n.train), " to train, ",
                  with_thousands(n.val), " to validate, ", with_thousands(n.train_tokens), " tokens, ", with_thousands(n.trained_tokens), " of them trained");
    context.print("  removed: ", n.prompt_length, " prompt length, ", n.response_length, " response length, ", n.urls, " web addresses, ", n.code_blocks,
                  " code, ", n.not_ascii, " not ASCII, ", n.exact_duplicates, " exact and ", n.near_duplicates, " near-duplicates, ", n.too_long,
                  " longer than a row, ", n.left_out, " beyond the target; ", n.cut, " shortened by ", n.cut_turns, " turns");
  }
}

Result<Exit> CorpusSft::run(Context& context) {
  const double began = Clock::real().seconds();
  Manifest manifest;
  manifest.started = Clock::real().local_time();
  if (config_path_.empty() || tokenizer_dir_.empty()) {
    log_error("corpus", "needs --config and --tokenizer-dir; shipped configs: config/sft/datasets/alpaca_chatml.json and its neighbours");
    return Exit::kUsage;
  }
  if (context.given("seed")) settings_.sampling_strategy.seed = context.common().seed;
  context.print("settings: ", settings_.to_json().dump(2));
  std::error_code code;
  if (!fs::exists(tokenizer_dir_, code)) return error_at(tokenizer_dir_, -1, "No tokenizer found; ", kTokenizerRemedy);
  LATHE_TRY(const tokenizer::FrozenTokenizer frozen, tokenizer::load_frozen(tokenizer_dir_));
  LATHE_TRY(const tokenizer::ChatTemplate form, tokenizer::ChatTemplate::find_lab(settings_.chat_template));
  if (const Status status = form.check(frozen.tokenizer); !status.ok()) return error_at(tokenizer_dir_, -1, status.error().to_string());
  LATHE_TRY(const Files files, find_files(context));

  Json identity = settings_.to_json();
  identity["template_version"] = form.version();
  identity["tokenizer_sha256"] = frozen.hash;
  identity["inputs"] = Json::array();
  for (const FileRecord& record : files.records) identity["inputs"].push_back(record.sha256);
  manifest.config_sha256 = config_hash(identity);
  const fs::path path = output_.empty() ? fs::path(kProcessed) / settings_.name : fs::path(output_);
  LATHE_TRY(OutputFolder output, OutputFolder::open(path, manifest.config_sha256, force_));
  if (output.done()) {
    LATHE_TRY(const Manifest former, read_manifest(output.path(), "", ""));
    LATHE_TRY_STATUS(verify_outputs(output.path(), former, "--force prepares it again"));
    context.print("already done: ", path.string(), " holds the result of these settings");
    return context.finish(Json(Json::Object{{"already_done", true}, {"folder", path.string()}}));
  }
  for (const auto& entry : fs::directory_iterator(output.work(), code)) fs::remove_all(entry.path(), code);

  LATHE_TRY(std::vector<corpus::SftConversation> conversations, read(files));
  LATHE_TRY(const corpus::SftCorpus corpus, corpus::write_sft_corpus(settings_, std::move(conversations), form, frozen.tokenizer, output.work()));
  corpus::fill_sft_manifest(settings_, corpus, form, frozen.hash, manifest);
  manifest.settings = settings_.to_json();
  manifest.inputs = files.records;
  manifest.ended = Clock::real().local_time();
  manifest.seconds = Clock::real().seconds() - began;
  LATHE_TRY_STATUS(write_manifest(output.work(), manifest));
  LATHE_TRY_STATUS(output.commit());
  print(context, corpus);
  if (corpus.total.val == 0 && settings_.output_params.train_ratio < 1) log_warning("corpus", "no conversation fell into the validation part");
  context.print("Saved SFT corpus to ", path.string());
  Json figures = manifest.counts;
  figures["folder"] = path.string();
  figures["template"] = form.name();
  figures["seconds"] = manifest.seconds;
  return context.finish(figures);
}

}  // namespace

std::unique_ptr<Verb> make_corpus_sft() { return std::make_unique<CorpusSft>(); }

}  // namespace lathe::cli
