#include "cli/lab_eval_metrics.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/clock.h"
#include "core/log.h"
#include "core/manifest.h"
#include "core/progress.h"
#include "core/rng.h"
#include "core/sha256.h"
#include "core/signals.h"
#include "data/byte_stream.h"
#include "eval/bits_per_byte.h"
#include "eval/preference_metrics.h"
#include "eval/results.h"
#include "eval/statistics.h"
#include "infer/transformer_model.h"
#include "train/packed_data.h"
#include "train/preference_data.h"
#include "train/preference_score.h"
#include "train/sft_data.h"

namespace lathe::cli {
namespace {

constexpr int64_t kPairRows = 16, kValidationRows = 8, kAllBatches = int64_t{1} << 40;

bool stopped() { return StopSignals::requested(); }

Result<std::string> read_text(const fs::path& path) {
  LATHE_TRY(const std::unique_ptr<data::ByteStream> stream, data::ByteStream::open(path));
  std::string text;
  std::string buffer(size_t{1} << 20, '\0');
  for (;;) {
    LATHE_TRY(const size_t bytes, stream->read(buffer.data(), buffer.size()));
    if (bytes == 0) return text;
    text.append(buffer, 0, bytes);
  }
}

// A file that a setting names, else its place below the base folder.
Result<fs::path> place(const Context& context, const std::string& given, const char* below) {
  if (!given.empty()) return fs::path(given);
  LATHE_TRY(const fs::path base, context.base_folder());
  return base / below;
}

Json file_json(const fs::path& path, const std::string& sha256) { return Json(Json::Object{{"path", path.string()}, {"sha256", sha256}}); }

// One item says nothing of how sure the difference is.
Json comparison(const eval::PairedComparison& c) {
  Json out(Json::Object{{"n", c.n}, {"baseline", c.mean_a}, {"model", c.mean_b}, {"difference", c.difference}});
  if (c.n < 2) return out;
  for (auto& [name, value] : Json::Object{{"low", c.interval.low}, {"high", c.interval.high}, {"p_value", c.p_value}, {"differs", c.differs()}}) out[name] = value;
  return out;
}

std::string percent(const Json& figure, const char* key) { return format_text("%.2f %%", 100 * figure.get_double(key, 0)); }

}  // namespace

Status LabMetrics::open_text(const Context& context) {
  LATHE_TRY(const fs::path path, place(context, settings_.wikitext_path, "wikitext-2-raw/wiki.test.raw"));
  std::error_code code;
  if (!fs::is_regular_file(path, code)) {
    why_no_text_ = path.string() + " is not there; `lathe download wikitext2` brings it, --wikitext-path names another place";
    return {};
  }
  LATHE_TRY(text_, read_text(path));
  text_hash_ = sha256_hex(text_);
  data_["perplexity"] = file_json(path, text_hash_);
  data_["perplexity"]["form"] = eval::form_of_text(text_hash_).name;
  inputs_.push_back(path);
  return {};
}

Status LabMetrics::open_boolq(const Context& context) {
  LATHE_TRY(const fs::path path, place(context, settings_.boolq_path, "eval_bundle/eval_data/reading_comprehension/boolq.jsonl"));
  std::error_code code;
  if (!fs::is_regular_file(path, code)) {
    why_no_boolq_ = path.string() + " is not there; `lathe download eval-bundle` brings it, --boolq-path names another place";
    return {};
  }
  LATHE_TRY(boolq_, eval::read_boolq(path));
  LATHE_TRY(const std::string hash, sha256_file(path));
  data_["boolq"] = file_json(path, hash);
  inputs_.push_back(path);
  return {};
}

// The loader and the batches of the run that made the model, so that the loss is the one it printed (row L-6.8).
Status LabMetrics::open_validation(const LabSubjects& subjects) {
  const LabRecordFacts& facts = subjects.facts();
  const bool own = settings_.validation_dirs.empty();
  const std::vector<std::string> dirs = own ? facts.data_dirs : settings_.validation_dirs;
  const std::vector<double> weights = own ? facts.data_weights : std::vector<double>{};
  if (dirs.empty()) {
    why_no_validation_ = "the model's record names no data sets; give --validation-dirs";
    return {};
  }
  std::error_code code;
  Json files = Json::array();
  for (const std::string& dir : dirs) {
    if (!fs::exists(dir, code)) {
      why_no_validation_ = dir + " is not there; --validation-dirs names other data sets";
      return {};
    }
    if (const fs::path manifest = fs::path(dir) / kManifestFile; fs::exists(manifest, code)) {
      LATHE_TRY(const std::string hash, sha256_file(manifest));
      files.push_back(file_json(manifest, hash));
      inputs_.push_back(manifest);
    }
  }
  const model::ModelConfig& config = subjects.model().loaded->model->config();
  const std::string tokenizer_path = settings_.tokenizer_dir.empty() ? "the model's tokenizer" : settings_.tokenizer_dir;
  data::PackedLoaderOptions options;
  options.rows = own && facts.rows > 0 ? facts.rows : kValidationRows;
  options.seed = static_cast<uint64_t>(facts.data_seed);
  int64_t sequences = 0;
  if (settings_.stage == "pretrain") {
    LATHE_TRY(train::PackedData opened, train::PackedData::open(dirs, weights, *tokenizer_, tokenizer_path, config.sequence_len));
    const auto set = std::make_shared<const train::PackedData>(std::move(opened));
    LATHE_TRY_STATUS(set->check_context(config.sequence_len));
    sequences = set->validation_sequences();
    validation_ = [set, options] { return set->loader(data::Split::kValidation, options); };
    validation_batches_ = std::max<int64_t>(1, sequences / options.rows);
  } else {
    train::SftDataOptions how;
    how.sequence_length = own && facts.sequence_length > 0 ? facts.sequence_length : config.sequence_len;
    how.mixed_templates = true;
    how.seed = static_cast<uint64_t>(facts.data_seed);
    LATHE_TRY(train::SftData opened, train::SftData::open(dirs, weights, *tokenizer_, tokenizer_path, how));
    const auto set = std::make_shared<const train::SftData>(std::move(opened));
    sequences = set->has_validation() ? set->validation_sequences() : 0;
    validation_ = [set, options] { return set->loader(data::Split::kValidation, options); };
    validation_batches_ = std::max<int64_t>(1, (sequences + options.rows - 1) / options.rows);
  }
  if (sequences == 0) {
    why_no_validation_ = "the data sets have no part that was held out";
    return {};
  }
  const int64_t most = settings_.validation_batches > 0 ? settings_.validation_batches : own && facts.eval_batches > 0 ? facts.eval_batches : kAllBatches;
  validation_batches_ = std::min(validation_batches_, most);
  data_["validation"] = std::move(files);
  protocol_["validation"] = Json(Json::Object{{"sequences", sequences}, {"batches", validation_batches_}, {"rows", options.rows},
                                              {"targets", settings_.stage == "pretrain" ? "all tokens" : "the assistant's tokens"}});
  return {};
}

Status LabMetrics::open_preferences(const LabSubjects& subjects) {
  const LabRecordFacts& facts = subjects.facts();
  reference_ = subjects.find("sft");
  if (reference_ == nullptr) reference_ = subjects.find("base");
  std::error_code code;
  if (settings_.eval_data_dir.empty())
    why_no_pairs_ = "no pairs are named; give --eval-data-dir, a folder of `lathe corpus dpo`";
  else if (!fs::exists(settings_.eval_data_dir, code))
    why_no_pairs_ = settings_.eval_data_dir +
                    " is not there; make it: lathe 90_prepare_dpo_corpus --config config/dpo/datasets/orca_dpo.json --tokenizer_dir "
                    "data/models/tokenizers/spm_32k --output_dir data/dpo_processed/orca";
  else if (reference_ == nullptr)
    why_no_pairs_ = "there is no reference: " + subjects.why_no_baseline();
  if (!why_no_pairs_.empty()) return {};
  const auto first_of = [](auto a, auto b, auto c) { return a > 0 ? a : b > 0 ? b : c; };
  beta_ = first_of(settings_.beta, facts.beta, 0.1);
  data::PairLimits limits;
  limits.max_length = first_of(settings_.max_length, facts.max_length, std::min<int64_t>(1024, subjects.model().loaded->model->config().sequence_len));
  limits.max_prompt_length = first_of(settings_.max_prompt_length, facts.max_prompt_length, limits.max_length / 2);
  if (limits.max_prompt_length < data::kLeastPrompt || limits.max_length <= limits.max_prompt_length)
    return error_at("max_length", -1, "must be above max_prompt_length, and that at least ", data::kLeastPrompt);
  const bool train_split = settings_.eval_split == "train";
  const data::PreferenceSplit split = train_split ? data::PreferenceSplit::kTrain : data::PreferenceSplit::kValidation;
  LATHE_TRY(const train::PreferenceSet set, train::load_preference_set(settings_.eval_data_dir, split, *tokenizer_, *form_, limits));
  if (set.pairs.empty()) {
    why_no_pairs_ = settings_.eval_data_dir + (train_split ? " has no pair that fits" : " has no held-out pair that fits; prepare it with train_val_split below 1");
    return {};
  }
  if (set.longest() - 1 > subjects.model().loaded->model->config().table_length())
    return error_at("max_length", -1, "pairs of ", set.longest(), " tokens are longer than the model's positions");
  // A random sample, the same for one seed.
  std::vector<size_t> order(set.pairs.size());
  std::iota(order.begin(), order.end(), size_t{0});
  const int64_t all = std::ssize(order), wanted = settings_.eval_samples < 0 ? all : std::min(all, settings_.eval_samples);
  if (wanted < all) {
    Rng rng(static_cast<uint64_t>(settings_.shuffle_seed), "eval/pairs");
    for (size_t i = 0; i < static_cast<size_t>(wanted); ++i) std::swap(order[i], order[i + rng.below(order.size() - i)]);
    order.resize(static_cast<size_t>(wanted));
  }
  for (const size_t i : order) pairs_.push_back(set.pairs[i]);
  data_["preferences"] = file_json(settings_.eval_data_dir, set.sha256);
  protocol_["preferences"] = Json(Json::Object{{"beta", beta_}, {"max_length", limits.max_length}, {"max_prompt_length", limits.max_prompt_length}, {"pairs", wanted},
                                               {"pairs_of_split", all}, {"prompts_cut", set.prompts_cut}, {"too_long", set.dropped},
                                               {"split", settings_.eval_split}, {"reference", reference_->name}});
  if (train_split) {
    protocol_["preferences"]["warning"] = "scored on pairs that the model was trained on: no measure of what it learned";
    log_warning("eval", "eval_split train: the pairs are those of training, the figures say nothing about new ones");
  }
  std::error_code there;
  if (const fs::path manifest = fs::path(settings_.eval_data_dir) / kManifestFile; fs::exists(manifest, there)) inputs_.push_back(manifest);
  return {};
}

Result<LabMetrics> LabMetrics::open(const Context& context, const LabEvalSettings& settings, const LabSubjects& subjects) {
  LabMetrics out;
  out.settings_ = settings;
  out.seed_ = static_cast<uint64_t>(context.common().seed);
  out.tokenizer_ = subjects.tokenizer();
  LATHE_TRY(out.start_, subjects.text_start(settings));
  if (settings.stage != "pretrain") {
    LATHE_TRY(out.form_, subjects.chat_template(settings));
  }
  out.protocol_["text_start"] = out.start_ ? Json(std::string(out.tokenizer_->token_bytes_of(*out.start_))) : Json("none");
  if (out.form_) out.protocol_["prompt_template"] = out.form_->name();
  if (*settings.perplexity) LATHE_TRY_STATUS(out.open_text(context));
  if (*settings.boolq) LATHE_TRY_STATUS(out.open_boolq(context));
  if (*settings.validation) LATHE_TRY_STATUS(out.open_validation(subjects));
  if (*settings.preferences) {
    if (!out.form_) return error_at("preferences", -1, "are of chat models, not of stage pretrain");
    LATHE_TRY_STATUS(out.open_preferences(subjects));
  }
  if (*settings.smoke_tests) {
    if (!out.form_) return error_at("smoke_tests", -1, "are for chat models, not for stage pretrain; prompts takes their place there");
    LATHE_TRY(out.smoke_, eval::choose_smoke_tests(settings.categories));
  }
  if (*settings.generation) {
    const int64_t texts = settings.num_samples < 0 ? std::ssize(settings.prompts) : settings.num_samples;
    for (int64_t i = 0; i < texts; ++i) out.prompts_.push_back(settings.prompts[static_cast<size_t>(i) % settings.prompts.size()]);
  }
  if (*settings.smoke_tests || *settings.generation) {
    std::vector<std::string> ignored;
    const infer::SamplingOptions sampling = settings.sampling(out.seed_, &ignored);
    if (!ignored.empty()) {
      std::string names;
      for (const std::string& name : ignored) names += (names.empty() ? "" : ", ") + name;
      log_info("eval", "do_sample is off: the most likely token is taken, and ", names, " have no effect");
    }
    out.protocol_["generation"] = Json(Json::Object{{"seed", context.common().seed}, {"max_new_tokens", settings.max_new_tokens}, {"do_sample", settings.do_sample},
                                                    {"temperature", sampling.temperature}, {"top_p", sampling.top_p}, {"top_k", sampling.top_k},
                                                    {"repetition_penalty", sampling.repetition_penalty}, {"no_repeat_ngram_size", sampling.no_repeat_ngram_size}});
  }
  return out;
}

Status LabMetrics::perplexity(Context& context, const LabSubject& subject, LabMeasured& out) {
  if (!why_no_text_.empty()) {
    out.metrics["perplexity"] = eval::not_run(why_no_text_);
    return {};
  }
  eval::PerplexityOptions options;
  options.context = settings_.context_length;
  options.stride = settings_.stride;
  options.max_windows = settings_.perplexity_samples;
  options.batch_tokens = settings_.batch_tokens;
  options.start = start_;
  options.is_cancelled = stopped;
  Progress progress("perplexity", 0, "windows");
  options.on_progress = [&](int64_t done, int64_t) { progress.update(done); };
  LATHE_TRY(const eval::PerplexityScore score, eval::measure_perplexity(*subject.loaded->model, *tokenizer_, text_, options));
  progress.finish();
  Json figure = score.to_json();
  figure["form"] = eval::form_of_text(text_hash_).name;
  figure["data"] = data_.at("perplexity");
  figure["settings"] = Json(Json::Object{{"context", score.context}, {"stride", score.stride}, {"windows", score.windows}, {"text_start", protocol_.at("text_start")},
                                         {"protocol", "the file encoded once; windows of the context, a stride apart; each token scored once; exp of the token-weighted mean"}});
  context.print(format_text("Perplexity on %s: %.3f (%.3f to %.3f) of %s tokens, %.4f bits per byte, %.5g per word; windows of %lld, stride %lld%s",
                            eval::form_of_text(text_hash_).name.c_str(), figure.get_double("value", 0), figure.get_double("low", 0), figure.get_double("high", 0),
                            with_thousands(score.tokens).c_str(), score.bits_per_byte(), score.word_perplexity(), static_cast<long long>(score.context),
                            static_cast<long long>(score.stride),
                            score.windows < score.windows_of_text ? format_text("; the first %lld of %lld windows", static_cast<long long>(score.windows),
                                                                               static_cast<long long>(score.windows_of_text)).c_str() : ""));
  out.perplexity = score.blocks;
  out.metrics["perplexity"] = std::move(figure);
  return {};
}

Status LabMetrics::boolq(Context& context, const LabSubject& subject, LabMeasured& out) {
  if (!why_no_boolq_.empty()) {
    out.metrics["boolq"] = eval::not_run(why_no_boolq_);
    return {};
  }
  eval::BoolqOptions options;
  options.max_samples = settings_.boolq_samples;
  options.start = start_;
  options.batch_tokens = settings_.batch_tokens;
  options.is_cancelled = stopped;
  Progress progress("BoolQ", settings_.boolq_samples > 0 ? std::min(settings_.boolq_samples, std::ssize(boolq_)) : std::ssize(boolq_), "questions");
  options.on_progress = [&](int64_t done, int64_t) { progress.update(done); };
  LATHE_TRY(const eval::BoolqScore score, eval::score_boolq(*subject.loaded->model, *tokenizer_, *ctx_, boolq_, options));
  progress.finish();
  Json figure = score.to_json();
  figure["data"] = data_.at("boolq");
  figure["settings"] = Json(Json::Object{{"form", "passage, \"Question: ...?\", \"Answer:\"; summed log-probabilities of \" yes\" and \" no\""},
                                         {"text_start", protocol_.at("text_start")}});
  context.print("BoolQ: ", percent(figure, "accuracy"), " (", percent(figure, "low"), " to ", percent(figure, "high"), ") of ", score.n, "; always the more common answer: ",
                percent(figure, "majority_baseline"), "; ", score.verdict());
  out.boolq = score.outcomes();
  out.boolq_answers = eval::boolq_answers(boolq_, score);
  out.metrics["boolq"] = std::move(figure);
  return {};
}

Status LabMetrics::validation(Context& context, const LabSubject& subject, LabMeasured& out) {
  if (!why_no_validation_.empty()) {
    out.metrics["validation"] = eval::not_run(why_no_validation_);
    return {};
  }
  LATHE_TRY(const std::unique_ptr<data::PackedLoader> loader, validation_());
  std::vector<eval::LossSum> sums;
  Progress progress("validation", validation_batches_, "batches");
  for (int64_t i = 0; i < validation_batches_; ++i) {
    if (stopped()) return error("cancelled");
    LATHE_TRY(const std::vector<eval::LossSum> one, eval::measure_losses(*subject.loaded->model, *ctx_, *loader, 1));
    sums.push_back(one[0]);
    progress.update(i + 1);
  }
  progress.finish();
  const eval::LossSum total = eval::total_of(sums);
  if (!std::isfinite(total.nats)) return error("the model's losses on the validation data are not finite: its weights are damaged");
  for (const eval::LossSum& sum : sums) out.validation.push_back(sum.mean());
  const tasks::Interval range = eval::bootstrap_mean_interval(out.validation);
  Json figure = Json::object();
  figure["value"] = std::exp(total.mean());
  figure["n"] = total.targets;
  if (sums.size() > 1) {
    figure["low"] = std::exp(range.low);
    figure["high"] = std::exp(range.high);
  }
  figure["loss"] = total.mean();
  figure["data"] = data_.at("validation");
  figure["settings"] = protocol_.at("validation");
  context.print(format_text("Validation: loss %.5f, perplexity %.3f", total.mean(), std::exp(total.mean())),
                sums.size() > 1 ? format_text(" (%.3f to %.3f)", std::exp(range.low), std::exp(range.high)) : " (one batch: no interval)", " over ",
                with_thousands(total.targets), settings_.stage == "pretrain" ? " tokens" : " tokens of the assistant");
  out.metrics["validation"] = std::move(figure);
  return {};
}

Result<std::vector<std::vector<int32_t>>> LabMetrics::prompt_ids(const std::vector<std::string>& prompts) const {
  std::vector<std::vector<int32_t>> out;
  for (const std::string& text : prompts) {
    if (form_) {
      tokenizer::Conversation conversation;
      conversation.messages.push_back({tokenizer::Role::kUser, text});
      LATHE_TRY(std::vector<int32_t> ids, form_->prompt(*tokenizer_, conversation));
      out.push_back(std::move(ids));
    } else {
      std::vector<int32_t> ids = tokenizer_->encode(text);
      if (start_) ids.insert(ids.begin(), *start_);
      if (ids.empty()) return error_at("prompts", -1, "an empty prompt has no token to begin with");
      out.push_back(std::move(ids));
    }
  }
  return out;
}

Result<std::vector<eval::Generation>> LabMetrics::write_texts(const LabSubject& subject, const std::vector<std::string>& prompts) const {
  LATHE_TRY(const auto ids, prompt_ids(prompts));
  infer::TransformerModel language_model(*subject.loaded->model);
  infer::Engine engine(language_model, *tokenizer_);
  eval::GenerationOptions options;
  options.sampling = settings_.sampling(seed_, nullptr);
  options.max_new_tokens = settings_.max_new_tokens;
  if (form_) {
    options.stop_ids = form_->stop_ids(*tokenizer_);
    options.chat_template = &*form_;
  } else if (start_) {
    options.stop_ids = {*start_};
  }
  options.is_cancelled = stopped;
  LATHE_TRY(std::vector<eval::Generation> texts, eval::generate_texts(engine, ids, options));
  const auto full = std::count_if(texts.begin(), texts.end(), [](const eval::Generation& text) { return text.no_room; });
  if (full > 0) log_warning("eval", full, " of ", texts.size(), " prompts fill the model's context of ", language_model.sequence_len(), " tokens: they have no text and count as empty");
  return texts;
}

Status LabMetrics::smoke_tests(Context& context, const LabSubject& subject, LabMeasured& out) {
  std::vector<std::string> prompts;
  for (const eval::SmokeTest& test : smoke_) prompts.push_back(test.prompt);
  LATHE_TRY(std::vector<eval::Generation> texts, write_texts(subject, prompts));
  const eval::SmokeScore score = eval::judge_smoke_tests(smoke_, std::move(texts));
  out.smoke_tests = score.passed;
  out.smoke_answers = eval::smoke_answers(score);
  Json figure = score.to_json();
  figure["settings"] = protocol_.at("generation");
  context.print("Smoke tests: ", score.correct(), " of ", score.tests.size(), " passed");
  for (const auto& [name, one] : figure.at("categories").as_object()) context.print(format_text("  %-24s", name.c_str()), percent(one, "accuracy"));
  out.metrics["smoke_tests"] = std::move(figure);
  return {};
}

Status LabMetrics::generation(Context& context, const LabSubject& subject, LabMeasured& out) {
  LATHE_TRY(out.texts, write_texts(subject, prompts_));
  Json figures = eval::measure_quality(out.texts, settings_.min_words, settings_.max_words).to_json();
  const auto value = [&](const char* name) { return figures.at(name).get_double("value", 0); };
  context.print(format_text("Texts: %zu; ended by themselves %.0f %%, empty %.0f %%, length in range %.0f %%, template leakage %.0f %%, distinct-1 %.3f, distinct-2 %.3f, "
                            "repeated 4-grams %.1f %%", out.texts.size(), 100 * value("stopped_by_itself"), 100 * value("empty"), 100 * value("length_in_range"),
                            100 * value("template_leakage"), value("distinct_1"), value("distinct_2"), 100 * value("repeated_4_grams")));
  out.metrics["generation"] = std::move(figures);
  return {};
}

Status LabMetrics::preferences(Context& context, const LabSubject& subject, LabMeasured& out) {
  if (!why_no_pairs_.empty()) {
    out.metrics["preferences"] = eval::not_run(why_no_pairs_);
    return {};
  }
  const std::vector<train::AnswerSums> own = train::score_pairs(*subject.loaded->model, *ctx_, pairs_, kPairRows);
  if (stopped()) return error("cancelled");
  reference_->switch_on();
  const std::vector<train::AnswerSums> reference = train::score_pairs(*reference_->loaded->model, *ctx_, pairs_, kPairRows);
  subject.switch_on();
  std::vector<eval::PairScore> scores;
  for (size_t i = 0; i < pairs_.size(); ++i)
    scores.push_back({own[i].chosen, own[i].rejected, reference[i].chosen, reference[i].rejected, std::ssize(pairs_[i].chosen), std::ssize(pairs_[i].rejected)});
  for (const eval::PairScore& score : scores)
    if (!std::isfinite(score.margin(beta_))) return error("a log-probability is not finite; the weights are damaged");
  Json figures = eval::preference_figures(scores, beta_);
  figures["data"] = data_.at("preferences");
  figures["settings"] = protocol_.at("preferences");
  const Json &margin = figures.at("reward_margin"), &wins = figures.at("win_rate");
  context.print(format_text("Preferences (%s split, %zu pairs): reward margin %.5f (%.5f to %.5f), win rate ", settings_.eval_split.c_str(), pairs_.size(),
                            margin.get_double("value", 0), margin.get_double("low", 0), margin.get_double("high", 0)),
                percent(wins, "accuracy"), " (", percent(wins, "low"), " to ", percent(wins, "high"), "), ties ", wins.get_int("ties", 0), "; ",
                figures.at("success").get_string("verdict", ""));
  out.metrics["preferences"] = std::move(figures);
  return {};
}

Result<LabMeasured> LabMetrics::measure(Context& context, const LabSubject& subject, bool is_baseline) {
  LabMeasured out;
  subject.switch_on();
  using Step = Status (LabMetrics::*)(Context&, const LabSubject&, LabMeasured&);
  struct Part {
    const char* name;
    bool wanted;
    Step step;
  };
  const Part parts[] = {{"perplexity", *settings_.perplexity, &LabMetrics::perplexity},
                        {"boolq", *settings_.boolq, &LabMetrics::boolq},
                        {"validation", *settings_.validation, &LabMetrics::validation},
                        {"smoke_tests", *settings_.smoke_tests, &LabMetrics::smoke_tests},
                        {"generation", *settings_.generation, &LabMetrics::generation},
                        {"preferences", *settings_.preferences && !is_baseline, &LabMetrics::preferences}};
  for (const Part& part : parts) {
    if (!part.wanted) continue;
    const double start = Clock::real().seconds();
    LATHE_TRY_STATUS((this->*part.step)(context, subject, out));
    Json& figure = out.metrics[part.name];
    if (const Json* why = figure.find("not_run"); why != nullptr) {
      if (!is_baseline) context.print(part.name, ": not run: ", why->as_string());
    } else {
      figure["seconds"] = Clock::real().seconds() - start;
    }
  }
  return out;
}

Json LabMetrics::differences(const LabMeasured& model, const LabMeasured& baseline) {
  Json out = Json::object();
  if (!model.perplexity.empty()) {
    out["perplexity_loss"] = comparison(eval::compare_values(baseline.perplexity, model.perplexity));
    out["perplexity"] = Json(Json::Object{{"baseline", baseline.metrics.at("perplexity").at("value")}, {"model", model.metrics.at("perplexity").at("value")},
                                          {"difference", model.metrics.at("perplexity").get_double("value", 0) - baseline.metrics.at("perplexity").get_double("value", 0)}});
  }
  if (!model.boolq.empty()) out["boolq"] = comparison(eval::compare_outcomes(baseline.boolq, model.boolq));
  if (!model.validation.empty()) out["validation_loss"] = comparison(eval::compare_values(baseline.validation, model.validation));
  if (!model.smoke_tests.empty()) out["smoke_tests"] = comparison(eval::compare_outcomes(baseline.smoke_tests, model.smoke_tests));
  return out;
}

}  // namespace lathe::cli
