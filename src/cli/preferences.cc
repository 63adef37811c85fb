#include "cli/preferences.h"

#include <algorithm>

#include "cli/stage_samples.h"
#include "core/log.h"
#include "core/sha256.h"
#include "train/reference_cache.h"

namespace lathe::cli {
namespace {

constexpr int64_t kReferenceRows = 16, kMostPairs = int64_t{1} << 20;

// Chat markers decide for the chat family's template, <|im_start|> for ChatML; a tokenizer with neither has Human: /
// Assistant:.
std::string template_of(const tokenizer::Tokenizer& tokenizer) {
  for (const char* name : {"chat", "chatml"}) {
    const auto found = tokenizer::ChatTemplate::find(name);
    if (found.ok() && found.value().check(tokenizer).ok()) return name;
  }
  return "human";
}

Result<std::string> agreed_template(const PreferenceData& data, const tokenizer::Tokenizer& tokenizer) {
  std::string name = data.chat_template;
  for (const std::string& dir : data.dirs) {
    LATHE_TRY(const std::string own, train::preference_template(dir));
    if (own.empty()) continue;
    if (!name.empty() && name != own)
      return error_at(dir, -1, "was prepared with the template ", own, "; the run uses ", name);
    name = own;
  }
  return name.empty() ? template_of(tokenizer) : name;
}

fs::path validation_of(const PreferenceData& data, const fs::path& dir) {
  std::error_code code;
  if (!data.validation.empty()) return data.validation;
  if (fs::is_directory(dir, code)) return dir;
  const fs::path beside = dir.parent_path() / "val.jsonl";
  return fs::exists(beside, code) ? beside : fs::path();
}

}  // namespace

std::vector<autograd::Parameter*> PreferencePolicy::reference() const {
  std::vector<autograd::Parameter*> out = loaded.model->parameters();
  for (const auto& below : loaded.adapters)
    out.insert(out.end(), below->parameters().begin(), below->parameters().end());
  return out;
}

void describe(SettingsTable& t, PreferenceFlags& f) {
  t.group("preferences");
  t.add("beta", &f.beta, "strength of staying near the reference");
  t.add("loss_type", &f.loss_type, "ipo is on sums as in its paper, ipo_tokens per token").choices =
      train::preference_loss_names();
  t.add("label_smoothing", &f.label_smoothing, "chance that a label is wrong; for sigmoid and robust");
  t.add("gamma", &f.gamma, "target margin of simpo");
  t.add("reference_free", &f.reference_free, "the reference's log-probabilities count as 0");
  t.add("precompute_ref_log_probs", &f.precompute_ref_log_probs,
        "compute the reference's log-probabilities once, before the first step; always so without an adapter");
  t.add("max_length", &f.max_length, "tokens of prompt and answer; pairs with longer answers are left out");
  t.add("max_prompt_length", &f.max_prompt_length, "tokens of the prompt");
  t.add("truncation_mode", &f.truncation_mode, "a prompt too long keeps its end").choices = {"keep_end"};
  t.add("allow_without_sft", &f.allow_without_sft, "start from a model that was never fine-tuned");
}

Result<std::unique_ptr<PreferenceStage>> PreferenceStage::open(const PreferenceFlags& flags, const PreferenceData& data,
                                                               const tokenizer::Tokenizer& tokenizer,
                                                               const std::function<void(const std::string&)>& print) {
  std::unique_ptr<PreferenceStage> stage(new PreferenceStage);
  stage->flags_ = flags;
  stage->print_ = print;
  stage->weights_ = data.weights;
  stage->tokenizer_ = tokenizer;
  LATHE_TRY(stage->loss_.type, train::find_preference_loss(flags.loss_type));
  stage->loss_.beta = flags.beta, stage->loss_.label_smoothing = flags.label_smoothing,
  stage->loss_.gamma = flags.gamma;
  stage->loss_.reference_free = flags.reference_free;
  LATHE_TRY_STATUS(stage->loss_.check());
  if (flags.max_prompt_length < data::kLeastPrompt || flags.max_length <= flags.max_prompt_length)
    return error_at("max_length", -1, "must be above max_prompt_length, and that at least ", data::kLeastPrompt);
  LATHE_TRY(stage->template_, agreed_template(data, tokenizer));
  LATHE_TRY(const auto chat_template, tokenizer::ChatTemplate::find(stage->template_));
  const data::PairLimits limits{flags.max_length, flags.max_prompt_length};
  std::vector<fs::path> held_out;
  for (const std::string& dir : data.dirs) {
    if (std::error_code code; !fs::exists(dir, code))
      return error_at(dir, -1, "no such file or folder of preference pairs; `lathe synth` writes built-in ones, `lathe corpus dpo` prepares others");
    LATHE_TRY(train::PreferenceSet set,
              train::load_preference_set(dir, data::PreferenceSplit::kTrain, tokenizer, chat_template, limits));
    if (set.pairs.empty()) return error_at(dir, -1, "no pair fits ", flags.max_length, " tokens");
    print(join_text(dir, ": ", with_thousands(std::ssize(set.pairs)), " pairs, template ", stage->template_,
                    ", prompts cut: ", set.prompts_cut, ", pairs too long: ", set.dropped));
    stage->sets_.push_back(std::move(set));
    if (const fs::path path = validation_of(data, dir);
        !path.empty() && std::find(held_out.begin(), held_out.end(), path) == held_out.end())
      held_out.push_back(path);
  }
  for (const fs::path& path : held_out) {
    LATHE_TRY(train::PreferenceSet set,
              train::load_preference_set(path, data::PreferenceSplit::kValidation, tokenizer, chat_template, limits));
    for (data::EncodedPair& pair : set.pairs) stage->held_out_.pairs.push_back(std::move(pair));
    stage->held_out_.sha256 = sha256_hex(stage->held_out_.sha256 + set.sha256);
  }
  print(stage->has_validation() ? join_text("held-out pairs: ", with_thousands(std::ssize(stage->held_out_.pairs)))
                                : "no held-out pairs: nothing is validated");
  return stage;
}

Status PreferenceStage::prepare(const PreferencePolicy& policy, int64_t pairs, int64_t accumulation, uint64_t seed,
                                const fs::path& run) {
  model::Transformer& model = *policy.loaded.model;
  model::Adapter* adapter = policy.adapter;
  model_ = &model;
  if (pairs < 1 || accumulation < 1)
    return error_at("batch", -1, "pairs of a micro batch and micro batches of a step must be at least 1");
  if (pairs > kMostPairs / accumulation)
    return error_at("batch", -1, accumulation, " micro batches of ", pairs, " pairs are more than ", kMostPairs, ", the most of one step");
  if (longest() - 1 > model.config().table_length())
    return error_at("max_length", -1, "pairs of ", longest(), " tokens are longer than the model's ",
                    model.config().table_length(), " positions");
  train::PreferenceReference reference{adapter, {}};
  std::vector<train::AnswerSums> held_out;
  if (loss_.needs_reference() && (adapter == nullptr || flags_.precompute_ref_log_probs)) {
    Json key = Json::object();
    if (adapter != nullptr) adapter->set_enabled(false);
    key["model_sha256"] = train::weights_sha256(policy.reference());
    key["tokenizer_sha256"] = tokenizer_->hash();
    key["template"] = template_;
    key["max_length"] = flags_.max_length;
    key["max_prompt_length"] = flags_.max_prompt_length;
    key["dtype"] = dtype_name(model.dtype());
    const auto sums_of = [&](const train::PreferenceSet& set, const std::string& name) {
      key["data_sha256"] = set.sha256;
      return train::reference_sums(run / "reference" / (name + ".safetensors"), key, std::ssize(set.pairs),
                                   [&] { return train::score_pairs(model, ctx_, set.pairs, kReferenceRows); });
    };
    Status status;
    for (size_t i = 0; i < sets_.size() && status.ok(); ++i) {
      auto sums = sums_of(sets_[i], join_text(i, "_", sets_[i].name));
      if (sums.ok())
        reference.sums.push_back(std::move(sums).value());
      else
        status = sums.error();
    }
    if (status.ok() && has_validation()) {
      auto sums = sums_of(held_out_, "held_out");
      if (sums.ok())
        held_out = std::move(sums).value();
      else
        status = sums.error();
    }
    if (adapter != nullptr) adapter->set_enabled(true);
    LATHE_TRY_STATUS(status);
  }
  std::vector<data::MixedSource> sources;
  for (const train::PreferenceSet& set : sets_) sources.push_back({set.name, static_cast<int64_t>(set.pairs.size())});
  LATHE_TRY(const std::vector<double> shares, data::mix_shares(sources, weights_));
  data::MixedSampler sampler(sources, shares, seed);
  for (const std::string& warning : sampler.small_source_warnings(pairs * accumulation)) log_warning("dpo", warning);
  train::PreferenceOptions options;
  options.loss = loss_;
  options.pairs = pairs;
  options.accumulation = accumulation;
  objective_ = std::make_unique<train::PreferenceObjective>(model, sets_, std::move(sampler), std::move(reference),
                                                            policy.trained(), options);
  if (!held_out.empty()) objective_->set_validation_reference(std::move(held_out));
  return {};
}

Result<double> PreferenceStage::validate() {
  LATHE_TRY(last_, objective_->validate(ctx_, held_out_));
  if (first_.pairs == 0) first_ = last_;
  print_(format_text("held-out pairs: reward accuracy %.4f, margin %.4f, answers ranked right %.4f, kl %.4f",
                     last_.accuracy(), last_.mean(last_.chosen_reward - last_.rejected_reward),
                     last_.mean(last_.ranked), last_.mean(last_.kl)));
  return last_.mean(last_.loss);
}

Result<std::vector<std::string>> PreferenceStage::samples() {
  LATHE_TRY(const tokenizer::ChatTemplate form, tokenizer::ChatTemplate::find(template_));
  const std::vector<data::EncodedPair>& pairs = has_validation() ? held_out_.pairs : sets_.front().pairs;
  return answer_lines(*model_, *tokenizer_, first_prompts(pairs), form.stop_ids(*tokenizer_));
}

int64_t PreferenceStage::pairs() const {
  int64_t sum = 0;
  for (const train::PreferenceSet& set : sets_) sum += std::ssize(set.pairs);
  return sum;
}

int64_t PreferenceStage::longest() const {
  int64_t most = held_out_.longest();
  for (const train::PreferenceSet& set : sets_) most = std::max(most, set.longest());
  return most;
}

Status require_sft(const std::string& stage, const Json& chain, const std::string& path, bool allowed) {
  const auto tuned = [](const std::string& name) { return name == "sft" || name == "dpo" || name == "rl"; };
  bool found = tuned(stage);
  if (chain.is_array())
    for (const Json& link : chain.as_array()) found |= tuned(link.get_string("stage", ""));
  if (found) return {};
  if (!allowed)
    return error_at(path, -1, "is a model of the stage \"", stage,
                    "\" without fine-tuning in its record; preferences are learned after `lathe sft`. "
                    "The config key allow_without_sft starts from it all the same");
  log_warning("dpo", "starting from a model of the stage \"", stage, "\", which was never fine-tuned");
  return {};
}

Result<Json> longer_chain(const Json& chain, const std::string& stage, const std::vector<fs::path>& files) {
  Json out = chain.is_array() ? chain : Json::array();
  for (const fs::path& file : files) {
    LATHE_TRY(const std::string hash, sha256_file(file));
    Json link = Json::object();
    link["stage"] = stage;
    link["path"] = fs::absolute(file).lexically_normal().string();
    link["sha256"] = hash;
    out.push_back(std::move(link));
  }
  return out;
}

}  // namespace lathe::cli
