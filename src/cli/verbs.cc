#include "cli/verbs.h"

#include <algorithm>
#include <set>

namespace lathe::cli {

std::unique_ptr<Verb> make_synth();
std::unique_ptr<Verb> make_download();
std::unique_ptr<Verb> make_repackage();
std::unique_ptr<Verb> make_corpus();
std::unique_ptr<Verb> make_corpus_sft();
std::unique_ptr<Verb> make_corpus_dpo();
std::unique_ptr<Verb> make_augment();
std::unique_ptr<Verb> make_preview();
std::unique_ptr<Verb> make_tokenizer_train();
std::unique_ptr<Verb> make_tokenizer_eval();
std::unique_ptr<Verb> make_tokenizer_info();
std::unique_ptr<Verb> make_tokenizer_encode();
std::unique_ptr<Verb> make_tokenizer_decode();
std::unique_ptr<Verb> make_tokenizer_render();
std::unique_ptr<Verb> make_tokenizer_convert();
std::unique_ptr<Verb> make_pack();
std::unique_ptr<Verb> make_train();
std::unique_ptr<Verb> make_mid();
std::unique_ptr<Verb> make_sft();
std::unique_ptr<Verb> make_dpo();
std::unique_ptr<Verb> make_rl();
std::unique_ptr<Verb> make_plan();
std::unique_ptr<Verb> make_lab_pretrain();
std::unique_ptr<Verb> make_lab_sft();
std::unique_ptr<Verb> make_lab_dpo();
std::unique_ptr<Verb> make_train_tinyllm();
std::unique_ptr<Verb> make_eval_base();
std::unique_ptr<Verb> make_eval_bpb();
std::unique_ptr<Verb> make_eval_core();
std::unique_ptr<Verb> make_eval_sample();
std::unique_ptr<Verb> make_eval_chat();
std::unique_ptr<Verb> make_eval_tasks();
std::unique_ptr<Verb> make_lab_eval();
std::unique_ptr<Verb> make_eval_show();
std::unique_ptr<Verb> make_eval_compare();
std::unique_ptr<Verb> make_dashboard();
std::unique_ptr<Verb> make_report();
std::unique_ptr<Verb> make_report_card();
std::unique_ptr<Verb> make_report_compare();
std::unique_ptr<Verb> make_scaling();
std::unique_ptr<Verb> make_miniseries();
std::unique_ptr<Verb> make_sandbox();
std::unique_ptr<Verb> make_chat();
std::unique_ptr<Verb> make_generate();
std::unique_ptr<Verb> make_serve();
std::unique_ptr<Verb> make_import();
std::unique_ptr<Verb> make_export();
std::unique_ptr<Verb> make_merge();
std::unique_ptr<Verb> make_quantize();
std::unique_ptr<Verb> make_inspect();
std::unique_ptr<Verb> make_bench_gemm();
std::unique_ptr<Verb> make_bench_attention();
std::unique_ptr<Verb> make_bench_train();
std::unique_ptr<Verb> make_bench_infer();
std::unique_ptr<Verb> make_bench_serve();
std::unique_ptr<Verb> make_bench_eval();
std::unique_ptr<Verb> make_bench_data();
std::unique_ptr<Verb> make_bench_tokenizer();
std::unique_ptr<Verb> make_doctor();
std::unique_ptr<Verb> make_completions();

// The order is that of `lathe --help`: within a group the one in which a user needs the verbs.
VerbList make_verbs() {
  VerbList verbs;
  verbs.push_back(make_synth());
  verbs.push_back(make_download());
  verbs.push_back(make_repackage());
  verbs.push_back(make_corpus());
  verbs.push_back(make_corpus_sft());
  verbs.push_back(make_corpus_dpo());
  verbs.push_back(make_augment());
  verbs.push_back(make_preview());
  verbs.push_back(make_tokenizer_train());
  verbs.push_back(make_tokenizer_eval());
  verbs.push_back(make_tokenizer_info());
  verbs.push_back(make_tokenizer_encode());
  verbs.push_back(make_tokenizer_decode());
  verbs.push_back(make_tokenizer_render());
  verbs.push_back(make_tokenizer_convert());
  verbs.push_back(make_pack());

  verbs.push_back(make_train());
  verbs.push_back(make_mid());
  verbs.push_back(make_sft());
  verbs.push_back(make_dpo());
  verbs.push_back(make_rl());
  verbs.push_back(make_plan());
  verbs.push_back(make_lab_pretrain());
  verbs.push_back(make_lab_sft());
  verbs.push_back(make_lab_dpo());
  verbs.push_back(make_train_tinyllm());

  verbs.push_back(make_eval_base());
  verbs.push_back(make_eval_bpb());
  verbs.push_back(make_eval_core());
  verbs.push_back(make_eval_sample());
  verbs.push_back(make_eval_chat());
  verbs.push_back(make_eval_tasks());
  verbs.push_back(make_lab_eval());
  verbs.push_back(make_eval_show());
  verbs.push_back(make_eval_compare());
  verbs.push_back(make_dashboard());
  verbs.push_back(make_report());
  verbs.push_back(make_report_card());
  verbs.push_back(make_report_compare());
  verbs.push_back(make_scaling());
  verbs.push_back(make_miniseries());
  verbs.push_back(make_sandbox());

  verbs.push_back(make_chat());
  verbs.push_back(make_generate());
  verbs.push_back(make_serve());

  verbs.push_back(make_import());
  verbs.push_back(make_export());
  verbs.push_back(make_merge());
  verbs.push_back(make_quantize());
  verbs.push_back(make_inspect());

  verbs.push_back(make_bench_gemm());
  verbs.push_back(make_bench_attention());
  verbs.push_back(make_bench_train());
  verbs.push_back(make_bench_infer());
  verbs.push_back(make_bench_serve());
  verbs.push_back(make_bench_eval());
  verbs.push_back(make_bench_data());
  verbs.push_back(make_bench_tokenizer());

  verbs.push_back(make_doctor());
  verbs.push_back(make_completions());
  return verbs;
}

const std::vector<Alias>& aliases() {
  static const std::vector<Alias> list = {
      {"dataset", "download", false}, {"gen_synthetic_data", "augment", false}, {"tok_train", "tokenizer train", false}, {"tok_eval", "tokenizer eval", false},
      {"base_train", "train", false}, {"base_loss", "eval bpb", true}, {"base_eval", "eval base", false}, {"mid_train", "mid", false},
      {"chat_sft", "sft", false}, {"chat_rl", "rl", false}, {"chat_eval", "eval chat", false}, {"chat_cli", "chat", false}, {"chat_web", "serve", false},
      {"10_prepare_corpus", "corpus", false}, {"20_train_tokenizer", "tokenizer train", false}, {"30_pack_dataset", "pack", false},
      {"50_evaluate_pretrain", "eval lab", false}, {"60_prepare_sft_corpus", "corpus sft", false}, {"80_evaluate_sft", "eval lab", false},
      {"90_prepare_dpo_corpus", "corpus dpo", false}, {"98_evaluate_dpo", "eval lab", false}, {"100_serve", "serve", false},
  };
  return list;
}

namespace {

std::string without_script_dress(std::string word) {
  for (const std::string_view prefix : {"scripts/", "scripts.", "nanochat/", "nanochat.", "dev/"})
    if (word.starts_with(prefix)) word.erase(0, prefix.size());
  if (word.ends_with(".py")) word.erase(word.size() - 3);
  return word;
}

Verb* find_name(const VerbList& verbs, std::string_view name) {
  const auto found = std::find_if(verbs.begin(), verbs.end(), [&](const auto& verb) { return verb->info().name == name; });
  return found == verbs.end() ? nullptr : found->get();
}

// "tokenizer" -> {"train", "eval", ...}: the second words of names that begin with it.
std::vector<std::string> members_of_family(const VerbList& verbs, const std::string& first) {
  std::vector<std::string> members;
  for (const auto& verb : verbs)
    if (const std::string name = verb->info().name; name.starts_with(first + " ")) members.push_back(name.substr(first.size() + 1));
  return members;
}

}  // namespace

Result<Found> find_verb(const VerbList& verbs, const std::vector<std::string>& words) {
  const std::string first = without_script_dress(words.at(0));
  if (words.size() > 1)
    if (Verb* verb = find_name(verbs, first + " " + words[1])) return Found{verb, nullptr, 2, first + " " + words[1]};
  if (Verb* verb = find_name(verbs, first)) return Found{verb, nullptr, 1, first};
  for (const Alias& alias : aliases())
    if (alias.name == first)
      if (Verb* verb = find_name(verbs, alias.verb)) return Found{verb, &alias, 1, first};

  const std::vector<std::string> members = members_of_family(verbs, first);
  if (!members.empty()) {
    std::string list;
    for (const std::string& member : members) list += (list.empty() ? "" : ", ") + member;
    const std::string near = words.size() > 1 ? nearest_word(words[1], members) : "";
    return error("\"", first, "\" needs one of: ", list, near.empty() ? "" : "; did you mean \"lathe " + first + " " + near + "\"?");
  }
  std::set<std::string> names;
  for (const auto& verb : verbs) {
    const std::string name = verb->info().name;
    names.insert(name.substr(0, name.find(' ')));
  }
  for (const Alias& alias : aliases())
    if (find_name(verbs, alias.verb) != nullptr) names.emplace(alias.name);
  const std::string near = nearest_word(first, {names.begin(), names.end()});
  return error("unknown verb \"", first, "\"", near.empty() ? "; `lathe --help` lists them" : "; did you mean \"lathe " + near + "\"?");
}

}  // namespace lathe::cli
