#include "cli/tokenizer_train_spm.h"

#include <map>

#include "cli/config_files.h"
#include "cli/training.h"
#include "core/clock.h"
#include "core/environment.h"
#include "core/log.h"
#include "core/machine.h"
#include "tokenizer/char_model.h"
#include "tokenizer/frozen.h"
#include "tokenizer/tokenizer_card.h"
#include "tokenizer/tokenizer_file.h"
#include "tokenizer/train_report.h"

namespace lathe::cli {
namespace {

constexpr const char* kCorpusRemedy =
    "make the corpus first: lathe corpus --config config/pretrain/corpus/tokenizer_training_mix.json --output-dir data/datasets/tokenizer_corpus";
constexpr int64_t kQualityBytes = 1 << 20;  // of text of each source that the quality report measures
constexpr size_t kMostSources = 64;

bool is_there(const fs::path& path) {
  std::error_code code;
  return fs::exists(path, code);
}

bool holds_tokenizer(const fs::path& folder) {
  for (const char* name : {tokenizer::kSpmFile, tokenizer::kTokenizerFile, tokenizer::kTokenizerConfigFile})
    if (is_there(folder / name)) return true;
  return false;
}

// {"unk": {"piece": "<unk>", "id": 0}} -> unk_piece, unk_id; other keys as they are.
void add_special_tokens(const Json& group, Json& flat) {
  for (const auto& [key, value] : group.as_object()) {
    if (key.starts_with('_')) continue;
    if (!value.is_object()) {
      flat[key] = value;
      continue;
    }
    for (const auto& [part, content] : value.as_object())
      if (!part.starts_with('_')) flat[key + "_" + part] = content;
  }
}

}  // namespace

struct FrozenTraining::Trained {
  tokenizer::Tokenizer tokenizer;
  std::shared_ptr<const tokenizer::SpmModel> spm;  // null: characters
  tokenizer::QualityMeter meter;
  int64_t documents = 0, sentences_seen = 0, sentences_used = 0, bytes_seen = 0, bytes_used = 0;
};

void FrozenTraining::describe(SettingsTable& table, Shared shared) {
  shared_ = shared;
  table.add("kind", &kind_, "bpe: byte-level; spm: SentencePiece; char: one token a character").choices = {"bpe", "spm", "char"};
  table.group("frozen tokenizer (kinds spm and char)");
  table.add("corpus_dir", &corpus_dir_, "corpus folder with its manifest; wins over corpus_manifest");
  table.add("corpus_manifest", &corpus_manifest_, "manifest.json of the corpus");
  table.add("force", &force_, "replace a folder that holds no tokenizer");
  table.add("replace_tokenizer", &replace_, "replace a tokenizer; data and checkpoints made with it become useless");
  table.group("SentencePiece");
  table.add("model_type", &settings_.model_type, "kind of model").choices = {"unigram", "bpe"};
  table.add("character_coverage", &settings_.character_coverage, "share of the characters that get a piece, 0.98 to 1");
  table.add("normalization_rule", &settings_.normalization_rule, "identity keeps every character").choices = {"identity", "nfkc", "nmt_nfkc", "nfkc_cf", "nmt_nfkc_cf"};
  table.add("remove_extra_whitespaces", &settings_.remove_extra_whitespaces, "join runs of blanks");
  table.add("add_dummy_prefix", &settings_.add_dummy_prefix, "put a blank before each text");
  table.add("byte_fallback", &settings_.byte_fallback, "spell unknown characters by their bytes");
  table.add("split_digits", &settings_.split_digits, "each digit is a piece");
  table.add("shuffle_input_sentence", &settings_.shuffle_input_sentence, "hand the texts over in random order");
  table.add("max_training_sentences", &settings_.max_training_sentences, "texts drawn from the corpus at most");
  table.add("max_training_bytes", &settings_.max_training_bytes, "bytes of text drawn at most; training needs about 30 times as much memory");
  table.add("max_sentence_length", &settings_.max_sentence_length, "bytes; longer texts are cut at line ends");
  table.add("seed_sentencepiece_size", &settings_.seed_sentencepiece_size, "pieces that unigram training starts with");
  table.add("num_threads", &settings_.num_threads, "of training; another number gives another model");
  table.add("unk_id", &settings_.unk_id, "id of the unknown piece");
  table.add("bos_id", &settings_.bos_id, "id of the begin of a text; -1: none");
  table.add("eos_id", &settings_.eos_id, "id of the end of a text; -1: none");
  table.add("pad_id", &settings_.pad_id, "id of padding; -1: none");
  table.add("unk_piece", &settings_.unk_piece, "its name");
  table.add("bos_piece", &settings_.bos_piece, "its name");
  table.add("eos_piece", &settings_.eos_piece, "its name");
  table.add("pad_piece", &settings_.pad_piece, "its name");
  table.add("control_symbols", &extra_symbols_, "special tokens beside the chat markers, never found in text");
  table.add("reserved_symbols", &reserved_symbols_, "spare special tokens");
  table.add("user_defined_symbols", &settings_.user_defined_symbols, "texts that are always one piece");
}

Status FrozenTraining::read_config(SettingsTable& table, const Json& config, const std::string& path) {
  if (!config.is_object()) return table.read_object(config, path);
  config_path_ = path;
  Json flat = Json::object();
  for (const auto& [key, value] : config.as_object()) {
    if (key.starts_with('_')) continue;
    if (key == "special_tokens" && value.is_object())
      add_special_tokens(value, flat);
    else if ((key == "tokenizer" || key == "training" || key == "normalization") && value.is_object())
      for (const auto& [inner, content] : value.as_object()) flat[inner] = content;
    else
      flat[key] = value;
  }
  // The origin's configs name no kind; a model_type is SentencePiece's.
  if (flat.contains("model_type") && !flat.contains("kind")) flat["kind"] = "spm";
  return table.read_object(flat, path);
}

bool FrozenTraining::chosen(const Context& context) const {
  return kind_ != "bpe" || (context.program() == "20_train_tokenizer" && !context.given("kind"));
}

Result<TrainingTexts> FrozenTraining::open_texts(const Context& context) {
  if (!corpus_dir_.empty()) {
    corpus_ = corpus_dir_;
    return TrainingTexts::open_corpus(corpus_dir_, kCorpusRemedy);
  }
  if (!corpus_manifest_.empty()) {
    const fs::path beside = fs::path(config_path_).parent_path() / corpus_manifest_;
    const bool besides = !is_there(corpus_manifest_) && !config_path_.empty() && is_there(beside);
    corpus_ = besides ? beside.string() : corpus_manifest_;
    return TrainingTexts::open_corpus(corpus_, kCorpusRemedy);
  }
  LATHE_TRY(const fs::path data, given_or_base(context, *shared_.data, "base_data"));
  corpus_ = data.string();
  return TrainingTexts::open_files(data);
}

Json FrozenTraining::deciding_settings(const Context& context, const TrainingTexts& texts) const {
  Json settings = context.settings();
  Json deciding(Json::Object{{"kind", kind_}, {"seed", context.common().seed}, {"vocab_size", *shared_.vocab_size}});
  for (const char* key : {"model_type", "character_coverage", "normalization_rule", "remove_extra_whitespaces", "add_dummy_prefix", "byte_fallback",
                          "split_digits", "shuffle_input_sentence", "max_training_sentences", "max_training_bytes", "max_sentence_length",
                          "seed_sentencepiece_size", "num_threads", "unk_id", "bos_id", "eos_id", "pad_id", "unk_piece", "bos_piece", "eos_piece",
                          "pad_piece", "control_symbols", "reserved_symbols", "user_defined_symbols"})
    if (kind_ == "spm") deciding[key] = settings.at(key);
  Json inputs = Json::array();
  for (const FileRecord& record : texts.inputs()) inputs.push_back(record.sha256);
  deciding["inputs"] = std::move(inputs);
  return deciding;
}

Status FrozenTraining::may_write(const Context& context, const fs::path& folder, const std::string& config_sha256) const {
  if (!holds_tokenizer(folder) || replace_) return {};
  const auto manifest = read_manifest(folder, "", "");
  if (manifest.ok() && manifest.value().config_sha256 == config_sha256) return {};
  std::string list;
  const auto old = tokenizer::load_frozen(folder);
  LATHE_TRY(const fs::path base, context.base_folder());
  if (old.ok())
    for (const fs::path& path : tokenizer::find_dependants({"data", base, folder.parent_path()}, old.value().hash, folder))
      list += "\n  " + path.string();
  return error_at(folder.string(), -1, "holds a tokenizer that was trained with other settings or another corpus; it is never overwritten, --force or not",
                  list.empty() ? "; nothing was found that depends on it" : "; these depend on it and could not be used any more:", list,
                  "\nchoose another --output-dir, or give --replace-tokenizer");
}

Result<FrozenTraining::Trained> FrozenTraining::train(const Context& context, const TrainingTexts& texts) {
  const auto seed = static_cast<uint64_t>(context.common().seed);
  tokenizer::SentenceSample sample(tokenizer::sample_limits(settings_), seed);
  tokenizer::CharCounter characters;
  std::map<std::string, tokenizer::SentenceSample> by_source;
  int64_t documents = 0;
  LATHE_TRY_STATUS(texts.for_each([&](const std::string& source, const std::string& text) -> Status {
    ++documents;
    const bool known = by_source.contains(source) || by_source.size() < kMostSources;
    by_source.try_emplace(known ? source : "other", tokenizer::SampleLimits{1 << 20, kQualityBytes, 1 << 16}, seed).first->second.add(text);
    if (kind_ == "char") return characters.add(text);
    sample.add(text);
    return {};
  }));
  std::shared_ptr<const tokenizer::SpmModel> spm;
  std::optional<tokenizer::Tokenizer> made;
  const int64_t kept = sample.sentences_kept(), bytes_kept = sample.bytes_kept();
  if (kind_ == "char") {
    LATHE_TRY(auto model, tokenizer::CharModel::make(characters.tokens()));
    LATHE_TRY(made, tokenizer::Tokenizer::from_model(std::move(model), tokenizer::chat_special_tokens()));
  } else {
    log_info("tokenizer", "training on ", with_thousands(kept), " texts, ", with_thousands(bytes_kept), " bytes of ", with_thousands(sample.bytes_seen()));
    LATHE_TRY(spm, tokenizer::train_spm(settings_, sample.take(settings_.shuffle_input_sentence)));
    LATHE_TRY(made, tokenizer::Tokenizer::from_added(spm, spm->added_tokens()));
  }
  tokenizer::QualityMeter meter(*made, spm ? spm->ids().unk : std::nullopt);
  for (auto& [source, part] : by_source) meter.add(source.empty() ? "corpus" : source, part.take(false));
  if (spm && meter.total().coverage() < settings_.character_coverage - 0.01)
    log_warning("tokenizer", "pieces cover ", format_text("%.4f", meter.total().coverage()), " of the characters, ", settings_.character_coverage, " was asked for");
  return Trained{*made, spm, std::move(meter), documents, sample.sentences_seen(), kept, sample.bytes_seen(), bytes_kept};
}

Status FrozenTraining::write(const Context& context, const fs::path& folder, const Trained& trained, const std::string& created_by) {
  Json settings = Json::object();
  const Json all = context.settings();
  for (const char* key : {"kind", "vocab_size", "seed"}) settings[key] = all.at(key);
  if (trained.spm) {
    LATHE_TRY_STATUS(write_file_atomic(folder / tokenizer::kSpmFile, trained.spm->file_bytes()));
    LATHE_TRY_STATUS(write_file_atomic(folder / "spm.vocab", trained.spm->vocabulary_text()));
    const Json deciding = deciding_settings(context, {});
    for (const auto& [key, value] : deciding.as_object())
      if (key != "inputs") settings[key] = value;
  } else {
    LATHE_TRY_STATUS(trained.tokenizer.save(folder));
  }
  Json details(Json::Object{{"kind", kind_}, {"settings", settings}, {"corpus", corpus_}});
  if (trained.spm) {
    details["library"] = "sentencepiece";
    details["library_version"] = tokenizer::sentencepiece_version();
    details["num_threads"] = settings_.num_threads;
    details["seed"] = context.common().seed;
  }
  LATHE_TRY_STATUS(tokenizer::write_tokenizer_config(folder, trained.tokenizer, created_by, details));
  tokenizer::CardFacts facts;
  facts.title = fs::path(output_dir_).filename().string();
  facts.kind = trained.spm ? "SentencePiece " + settings_.model_type : "Characters";
  facts.created_by = created_by;
  facts.corpus = corpus_;
  facts.settings = settings;
  facts.sentences_seen = trained.spm ? trained.sentences_seen : trained.documents;
  facts.sentences_used = trained.spm ? trained.sentences_used : trained.documents;
  facts.bytes_seen = trained.bytes_seen;
  facts.bytes_used = trained.bytes_used;
  return write_file_atomic(folder / "TOKENIZER_CARD.md", tokenizer::tokenizer_card(facts, trained.tokenizer, trained.meter));
}

Result<Exit> FrozenTraining::run(Context& context) {
  const std::string started = Clock::real().local_time();
  const double begin = Clock::real().seconds();
  if (kind_ == "bpe") kind_ = "spm";  // the origin's program knows no other
  settings_.vocab_size = *shared_.vocab_size;
  settings_.control_symbols = tokenizer::chat_control_symbols(reserved_symbols_);
  settings_.control_symbols.insert(settings_.control_symbols.end(), extra_symbols_.begin(), extra_symbols_.end());
  context.print("settings: ", context.settings().dump(2));
  output_dir_ = *shared_.output_dir;
  if (output_dir_.empty()) {
    LATHE_TRY(const fs::path base, context.base_folder());
    output_dir_ = (base / "tokenizer").string();
  }
  if (fs::path path(output_dir_); !path.has_filename()) output_dir_ = path.parent_path().string();

  LATHE_TRY(const TrainingTexts texts, open_texts(context));
  const Json deciding = deciding_settings(context, texts);
  const std::string hash = config_hash(deciding);
  LATHE_TRY_STATUS(may_write(context, output_dir_, hash));
  LATHE_TRY(OutputFolder folder, OutputFolder::open(output_dir_, hash, replace_ || (force_ && !holds_tokenizer(output_dir_))));
  if (folder.done()) {
    LATHE_TRY(const tokenizer::FrozenTokenizer old, tokenizer::load_frozen(output_dir_));
    context.print("already done: ", output_dir_, " holds the tokenizer of these settings and this corpus, ", old.hash);
    return context.finish(Json(Json::Object{{"already_done", true}, {"sha256", old.hash}, {"vocab_size", old.tokenizer.vocab_size()}}));
  }
  LATHE_TRY(const Trained trained, train(context, texts));
  // A character table has the characters of its text alone; a normaliser changes text on purpose.
  if (trained.spm && settings_.byte_fallback && settings_.normalization_rule == "identity" && !settings_.remove_extra_whitespaces)
    LATHE_TRY_STATUS(tokenizer::check_round_trip(trained.tokenizer));
  const std::string created_by = join_text("lathe ", tool_version(), ", ", started);
  LATHE_TRY_STATUS(write(context, folder.work(), trained, created_by));
  LATHE_TRY(const tokenizer::FrozenTokenizer saved, tokenizer::load_frozen(folder.work()));

  Manifest manifest;
  manifest.kind = "tokenizer";
  manifest.settings = context.settings();
  manifest.config_sha256 = hash;
  manifest.seed = context.common().seed;
  manifest.tokenizer_sha256 = saved.hash;
  manifest.inputs = texts.inputs();
  for (const char* name : {tokenizer::kSpmFile, "spm.vocab", tokenizer::kTokenizerFile, tokenizer::kTokenizerConfigFile, "TOKENIZER_CARD.md"}) {
    if (!is_there(folder.work() / name)) continue;
    LATHE_TRY(FileRecord record, record_file(folder.work() / name, name));
    manifest.outputs.push_back(std::move(record));
  }
  manifest.counts = Json(Json::Object{{"documents", trained.documents},
                                      {"sentences", trained.sentences_used},
                                      {"bytes", trained.bytes_used},
                                      {"vocab_size", saved.tokenizer.vocab_size()}});
  manifest.details["quality"] = tokenizer::quality_json(trained.meter);
  manifest.started = started;
  manifest.ended = Clock::real().local_time();
  manifest.seconds = Clock::real().seconds() - begin;
  LATHE_TRY_STATUS(write_manifest(folder.work(), manifest));
  LATHE_TRY_STATUS(folder.commit());

  const tokenizer::QualityFigures total = trained.meter.total();
  context.print("Saved tokenizer to ", output_dir_, ": ", with_thousands(saved.tokenizer.vocab_size()), " tokens, ",
                format_text("%.2f characters a token, %.2f tokens a word", total.chars_per_token(), total.fertility()));
  context.print("sha256_hash: ", saved.hash);
  return context.finish(Json(Json::Object{{"vocab_size", saved.tokenizer.vocab_size()},
                                          {"sha256", saved.hash},
                                          {"documents", trained.documents},
                                          {"sentences", trained.sentences_used},
                                          {"bytes", trained.bytes_used},
                                          {"chars_per_token", total.chars_per_token()},
                                          {"tokens_per_word", total.fertility()},
                                          {"coverage", total.coverage()},
                                          {"unknown_rate", total.unknown_rate()},
                                          {"train_s", manifest.seconds},
                                          {"peak_rss_mb", peak_rss_mb()},
                                          {"tokenizer", output_dir_}}));
}

}  // namespace lathe::cli
