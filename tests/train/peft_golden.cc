// Adapters and preference losses against PEFT and TRL, which run in Python: LATHE_PYTHON names the interpreter, else
// python3. Over the golden models of gpt_llama; skipped where they or the packages are absent.
#include <gtest/gtest.h>

#include <cstdlib>

#include "model/adapter_file.h"
#include "tests/model/small_adapters.h"
#include "tests/ref/golden_hugging_face.h"
#include "train/preference_loss.h"
#include "train/preference_score.h"

namespace lathe::testing {
namespace {

std::string python() {
  const char* given = std::getenv("LATHE_PYTHON");
  return given ? given : "python3";
}

bool has_packages(const std::string& names) {
  return std::system((python() + " -c 'import " + names + "' > /dev/null 2>&1").c_str()) == 0;
}

// Loads each of our folders over the base, makes and saves an adapter of its own for each configuration, and gives the
// logits of both, one tensor each.
constexpr const char* kPeftScript = R"(
import json, sys
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM
folder = sys.argv[1]
given = json.load(open(folder + '/given.json'))
ids = torch.tensor(given['ids'])
def base():
    return AutoModelForCausalLM.from_pretrained(given['base'], dtype=torch.float32, attn_implementation='eager').eval()
out = {}
def take(name, model):
    with torch.no_grad(): out[name] = model.eval()(ids).logits.float().contiguous()
for name in given['ours']:
    take('ours.' + name, PeftModel.from_pretrained(base(), folder + '/ours.' + name))
for name, config in given['theirs'].items():
    torch.manual_seed(5)
    model = get_peft_model(base(), LoraConfig(task_type='CAUSAL_LM', **config))
    for key, parameter in model.named_parameters():
        if 'lora_' in key: parameter.data += 0.1 * torch.randn_like(parameter)
    model.save_pretrained(folder + '/theirs.' + name)
    take('theirs.' + name, model)
save_file(out, folder + '/logits.safetensors')
)";

// TRL's own loss of pairs whose summed log-probabilities are given.
constexpr const char* kTrlScript = R"(
import collections, json, sys, types, warnings
warnings.filterwarnings('ignore')
import torch
from trl import DPOTrainer
folder = sys.argv[1]
given = json.load(open(folder + '/given.json'))
chosen, rejected, ref_chosen, ref_rejected = (
    torch.tensor(given[key], dtype=torch.float32) for key in ('chosen', 'rejected', 'ref_chosen', 'ref_rejected'))
lengths = given['chosen_tokens'] + given['rejected_tokens']
width = 1 + max(lengths)
mask = torch.tensor([[0] + [1] * n + [0] * (width - 1 - n) for n in lengths])
log_probs = torch.zeros(len(lengths), width - 1)
log_probs[:, 0] = torch.cat([chosen, rejected])
nothing = torch.zeros(len(lengths), width - 1)
def model(**kwargs):
    return types.SimpleNamespace(log_probs=log_probs, entropy=nothing, mean_logits=nothing, is_top1=nothing.bool())
same = types.SimpleNamespace(device='cpu', gather=lambda x: x, gather_for_metrics=lambda x: x)
inputs = {'input_ids': torch.zeros_like(mask), 'attention_mask': torch.ones_like(mask), 'completion_mask': mask,
          'ref_chosen_logps': ref_chosen, 'ref_rejected_logps': ref_rejected}
results = []
for case in given['cases']:
    metrics = {'eval': collections.defaultdict(list)}
    trainer = types.SimpleNamespace(
        model=types.SimpleNamespace(training=False), accelerator=same, aux_loss_enabled=False, ld_alpha=None,
        precompute_ref_logps=True, f_divergence_type='reverse_kl', loss_types=[case['type']], loss_weights=[1.0],
        beta=case['beta'], label_smoothing=case['label_smoothing'], use_weighting=False, _metrics=metrics,
        _total_train_tokens=0, _tp_size=1)
    loss = DPOTrainer._compute_loss(trainer, model, inputs, False)
    m = metrics['eval']
    results.append({'loss': loss.item(), 'chosen': m['rewards/chosen'][0], 'rejected': m['rewards/rejected'][0],
                    'accuracy': m['rewards/accuracies'][0], 'margin': m['rewards/margins'][0]})
json.dump(results, open(folder + '/result.json', 'w'))
)";

void run(const TemporaryFolder& folder, const char* script, const Json& given) {
  check(write_json_atomic(folder.path() / "given.json", given));
  check(write_file_atomic(folder.path() / "run.py", script));
  const std::string command =
      join_text(python(), " '", (folder.path() / "run.py").string(), "' '", folder.path().string(), "' > '",
                (folder.path() / "log").string(), "' 2>&1");
  ASSERT_EQ(std::system(command.c_str()), 0) << take(read_file(folder.path() / "log"));
}

struct Form {
  const char* name;
  model::AdapterConfig config;
};

std::vector<Form> forms() {
  std::vector<Form> out;
  const auto add = [&](const char* name, std::vector<std::string> targets) -> model::AdapterConfig& {
    model::AdapterConfig config = small_adapter_config();
    config.targets = std::move(targets);
    out.push_back({name, config});
    return out.back().config;
  };
  const std::vector<std::string> all = {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"};
  add("some", {"q_proj", "v_proj"}).dropout = 0.1;
  add("rslora", all).rslora = true;
  add("dora", all).dora = true;
  add("head", {"q_proj", "down_proj"}).modules_to_save = {"lm_head"};
  return out;
}

Json peft_form(const model::AdapterConfig& config) {
  const auto list = [](const std::vector<std::string>& names) { return Json(Json::Array(names.begin(), names.end())); };
  Json out = Json::object();
  out["r"] = config.r;
  out["lora_alpha"] = config.alpha;
  out["lora_dropout"] = config.dropout;
  out["target_modules"] = list(config.targets);
  out["use_rslora"] = config.rslora;
  out["use_dora"] = config.dora;
  if (!config.modules_to_save.empty()) out["modules_to_save"] = list(config.modules_to_save);
  return out;
}

std::vector<float> logits_of(model::Transformer& model, const Tensor& ids, int64_t rows) {
  ops::Context ctx;
  autograd::Tape tape(ctx, false);
  model::Batch batch;
  batch.ids = ids;
  batch.batch = rows;
  return copy_of(model.logits(ctx, model.forward(tape, batch).value));
}

// A LLaMA with grouped heads and a head of its own.
fs::path base_folder() { return golden("gpt_llama/llama_gqa"); }

// L-7.20, L-7.22
TEST(PeftGolden, EitherProgramReadsTheOthersAdapters) {
  LATHE_NEEDS(base_folder());
  if (!has_packages("peft, transformers")) GTEST_SKIP() << python() << " has no packages peft and transformers";
  const SafetensorsFile io = take(read_safetensors(base_folder() / "io.safetensors"));
  const Tensor* all = io.find("input_ids");
  const int64_t rows = all->dim(1), columns = all->dim(2);
  const Tensor ids = all->rows(0, 1).reshape({rows * columns});
  const TemporaryFolder folder;
  Json given = Json::object();
  given["base"] = base_folder().string();
  given["ids"] = Json::array();
  for (int64_t row = 0; row < rows; ++row) {
    const auto values =
        ids.span<int32_t>().subspan(static_cast<size_t>(row * columns), static_cast<size_t>(columns));
    given["ids"].push_back(Json(Json::Array(values.begin(), values.end())));
  }
  given["ours"] = Json::array();
  given["theirs"] = Json::object();
  std::vector<std::vector<float>> ours;
  for (const Form& form : forms()) {
    const auto model = take(model::load_hugging_face(base_folder(), DType::kFloat32));
    model->freeze();
    const auto adapter = random_adapter(*model, form.config);
    const fs::path saved = folder.path() / join_text("ours.", form.name);
    fs::create_directory(saved);
    model::AdapterRecord record;
    record.base = {(base_folder() / "model.safetensors").string(), std::string(64, '0')};
    check(model::write_adapter_folder(saved, *adapter, record));
    ours.push_back(logits_of(*model, ids, rows));
    given["ours"].push_back(form.name);
    given["theirs"][form.name] = peft_form(form.config);
  }
  ASSERT_NO_FATAL_FAILURE(run(folder, kPeftScript, given));
  const SafetensorsFile theirs = take(read_safetensors(folder.path() / "logits.safetensors"));
  const Tolerance close{5e-5, 0};
  const auto plain = take(model::load_hugging_face(base_folder(), DType::kFloat32));
  const std::vector<float> without = logits_of(*plain, ids, rows);
  size_t i = 0;
  for (const Form& form : forms()) {
    SCOPED_TRACE(form.name);
    EXPECT_FALSE(is_close(std::span<const float>(without), std::span<const float>(ours[i]), {0.1, 0}));
    const auto of = [&](const char* whose) { return theirs.find(join_text(whose, ".", form.name))->span<float>(); };
    EXPECT_TRUE(is_close(std::span<const float>(ours[i++]), of("ours"), close));
    const auto model = take(model::load_hugging_face(base_folder(), DType::kFloat32));
    model->freeze();
    const auto adapter = take(model::load_adapter(*model, folder.path() / join_text("theirs.", form.name), false));
    const std::vector<float> read = logits_of(*model, ids, rows);
    EXPECT_TRUE(is_close(std::span<const float>(read), of("theirs"), close));
    EXPECT_FALSE(is_close(std::span<const float>(without), std::span<const float>(read), {0.1, 0}));
  }
}

// L-9.6, L-9.7
TEST(PeftGolden, PreferenceLossesOfOurLogProbabilitiesAreThoseOfTrl) {
  LATHE_NEEDS(base_folder());
  if (!has_packages("trl")) GTEST_SKIP() << python() << " has no package trl";
  const auto model = take(model::load_hugging_face(base_folder(), DType::kFloat32));
  model->freeze();
  const auto adapter = random_adapter(*model, small_adapter_config());
  std::vector<data::EncodedPair> pairs;
  Rng rng(3, "pairs");
  for (int i = 0; i < 6; ++i) {
    const auto tokens = [&] {
      std::vector<int32_t> ids(static_cast<size_t>(2 + rng.below(9)));
      for (int32_t& id : ids) id = static_cast<int32_t>(rng.below(160));
      return ids;
    };
    pairs.push_back({tokens(), tokens(), tokens()});
  }
  ops::Context ctx;
  const std::vector<train::AnswerSums> policy = train::score_pairs(*model, ctx, pairs, 4);
  adapter->set_enabled(false);
  const std::vector<train::AnswerSums> reference = train::score_pairs(*model, ctx, pairs, 4);

  // Ours, and TRL's name of it.
  const std::vector<std::pair<const char*, const char*>> types = {
      {"sigmoid", "sigmoid"},           {"ipo_tokens", "ipo"},    {"hinge", "hinge"},       {"robust", "robust"},
      {"sigmoid_norm", "sigmoid_norm"}, {"nca_pair", "nca_pair"}, {"apo_zero", "apo_zero"}, {"apo_down", "apo_down"},
      {"sppo_hard", "sppo_hard"}};
  Json given = Json::object();
  given["cases"] = Json::array();
  for (const double beta : {0.1, 0.5})
    for (const auto& type : types) {
      Json one = Json::object();
      one["type"] = type.second;
      one["beta"] = beta;
      one["label_smoothing"] = type.first == std::string("robust") ? 0.1 : 0.0;
      given["cases"].push_back(one);
    }
  for (const char* key : {"chosen", "rejected", "ref_chosen", "ref_rejected", "chosen_tokens", "rejected_tokens"})
    given[key] = Json::array();
  std::vector<train::PairLogps> sums;
  for (size_t i = 0; i < pairs.size(); ++i) {
    sums.push_back({{policy[i].chosen, reference[i].chosen, std::ssize(pairs[i].chosen)},
                    {policy[i].rejected, reference[i].rejected, std::ssize(pairs[i].rejected)}});
    given["chosen"].push_back(sums[i].chosen.policy);
    given["rejected"].push_back(sums[i].rejected.policy);
    given["ref_chosen"].push_back(sums[i].chosen.reference);
    given["ref_rejected"].push_back(sums[i].rejected.reference);
    given["chosen_tokens"].push_back(sums[i].chosen.tokens);
    given["rejected_tokens"].push_back(sums[i].rejected.tokens);
  }
  const TemporaryFolder folder;
  ASSERT_NO_FATAL_FAILURE(run(folder, kTrlScript, given));
  const Json results = read_json_or_fail(folder.path() / "result.json");
  ASSERT_EQ(results.as_array().size(), 2 * types.size());
  size_t i = 0;
  for (const double beta : {0.1, 0.5})
    for (const auto& type : types) {
      SCOPED_TRACE(join_text(type.first, " ", beta));
      train::PreferenceLossOptions options;
      options.type = take(train::find_preference_loss(type.first));
      options.beta = beta;
      options.label_smoothing = given.at("cases").at(i).at("label_smoothing").as_double();
      train::PreferenceFigures figures;
      for (const train::PairLogps& pair : sums) figures.add(pair, train::preference_loss(pair, options), true);
      const Json& trl = results.at(i++);
      const auto near = [&](const char* key, double mine) {
        const double theirs = trl.at(key).as_double();
        EXPECT_NEAR(mine, theirs, 1e-6 + 1e-5 * std::abs(theirs)) << key;
      };
      near("loss", figures.mean(figures.loss));
      near("chosen", figures.mean(figures.chosen_reward));
      near("rejected", figures.mean(figures.rejected_reward));
      near("accuracy", figures.accuracy());
      near("margin", figures.mean(figures.chosen_reward) - figures.mean(figures.rejected_reward));
    }
}

}  // namespace
}  // namespace lathe::testing
