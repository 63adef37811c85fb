// lathe completions SHELL: scripts made from the same tables as the flags themselves.
#include "cli/command_line.h"
#include "cli/common_options.h"
#include "cli/verbs.h"

namespace lathe::cli {
namespace {

struct Entry {
  std::string name, summary;
  std::vector<std::string> flags;  // "--device-batch-size"
};

std::vector<Entry> entries() {
  std::vector<Entry> out;
  for (const auto& verb : make_verbs()) {
    CommonOptions common;
    SettingsTable table;
    verb->describe(table);
    describe_common(table, common);
    Entry entry{verb->info().name, verb->info().summary, {}};
    for (const Setting& setting : table.settings()) entry.flags.push_back("--" + with_hyphens(setting.name));
    entry.flags.push_back("--help");
    out.push_back(std::move(entry));
  }
  return out;
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : " ") + word;
  return out;
}

// First words of all names; second words of the names that begin with `first`.
std::vector<std::string> words_after(const std::vector<Entry>& all, const std::string& first) {
  std::vector<std::string> out;
  for (const Entry& entry : all) {
    std::string word = entry.name;
    if (!first.empty()) {
      if (!word.starts_with(first + " ")) continue;
      word = word.substr(first.size() + 1);
    }
    word = word.substr(0, word.find(' '));
    if (out.empty() || out.back() != word) out.push_back(word);
  }
  return out;
}

// `case` arms shared by bash and zsh: "tokenizer train") words="--..." ;;
std::string case_arms(const std::vector<Entry>& all) {
  std::string out;
  for (const Entry& entry : all) out += "    \"" + entry.name + "\") flags=\"" + joined(entry.flags) + "\" ;;\n";
  return out;
}
std::string family_arms(const std::vector<Entry>& all) {
  std::string out;
  for (const std::string& first : words_after(all, ""))
    if (const std::vector<std::string> second = words_after(all, first); !second.empty())
      out += "    " + first + ") verbs=\"" + joined(second) + "\" ;;\n";
  return out;
}

std::string bash_script(const std::vector<Entry>& all) {
  return "# bash completion of lathe; load it with: source <(lathe completions bash)\n"
         "_lathe() {\n"
         "  local word=${COMP_WORDS[COMP_CWORD]} first=${COMP_WORDS[1]-} second=${COMP_WORDS[2]-} verbs= flags=\n"
         "  COMPREPLY=()\n"
         "  if [ \"$COMP_CWORD\" = 1 ]; then\n"
         "    COMPREPLY=($(compgen -W \"" + joined(words_after(all, "")) + " --help --version\" -- \"$word\"))\n"
         "    return\n"
         "  fi\n"
         "  case $first in\n" + family_arms(all) + "  esac\n"
         "  case \"$first\" in\n" + case_arms(all) + "  esac\n"
         "  case \"$first $second\" in\n" + case_arms(all) + "  esac\n"
         "  if [ \"$COMP_CWORD\" = 2 ] && [ -n \"$verbs\" ]; then\n"
         "    COMPREPLY=($(compgen -W \"$verbs $flags\" -- \"$word\"))\n"
         "  elif [[ $word == -* ]]; then\n"
         "    COMPREPLY=($(compgen -W \"$flags\" -- \"$word\"))\n"
         "  else\n"
         "    COMPREPLY=($(compgen -f -- \"$word\"))\n"
         "  fi\n"
         "}\n"
         "complete -o filenames -F _lathe lathe\n";
}

std::string zsh_script(const std::vector<Entry>& all) {
  return "#compdef lathe\n"
         "# zsh completion of lathe; load it with: source <(lathe completions zsh)\n"
         "_lathe() {\n"
         "  local verbs= flags=\n"
         "  if (( CURRENT == 2 )); then\n"
         "    compadd -- " + joined(words_after(all, "")) + " --help --version\n"
         "    return\n"
         "  fi\n"
         "  case ${words[2]} in\n" + family_arms(all) + "  esac\n"
         "  case \"${words[2]}\" in\n" + case_arms(all) + "  esac\n"
         "  case \"${words[2]} ${words[3]}\" in\n" + case_arms(all) + "  esac\n"
         "  if (( CURRENT == 3 )) && [[ -n $verbs ]]; then\n"
         "    compadd -- ${=verbs} ${=flags}\n"
         "  elif [[ ${words[CURRENT]} == -* ]]; then\n"
         "    compadd -- ${=flags}\n"
         "  else\n"
         "    _files\n"
         "  fi\n"
         "}\n"
         "compdef _lathe lathe\n";
}

std::string fish_script(const std::vector<Entry>& all) {
  std::string out = "# fish completion of lathe; load it with: lathe completions fish | source\n";
  for (const std::string& first : words_after(all, "")) {
    std::string summary;
    for (const Entry& entry : all)
      if (entry.name == first) summary = entry.summary;
    out += "complete -c lathe -n __fish_use_subcommand -f -a " + first + (summary.empty() ? "" : " -d '" + summary + "'") + "\n";
    for (const std::string& second : words_after(all, first))
      out += "complete -c lathe -n '__fish_seen_subcommand_from " + first + "' -f -a " + second + "\n";
  }
  for (const Entry& entry : all) {
    std::string condition;  // all words of a two-word name
    for (const std::string& word : split_text(entry.name, ' '))
      condition += (condition.empty() ? "" : "; and ") + ("__fish_seen_subcommand_from " + word);
    for (const std::string& flag : entry.flags) out += "complete -c lathe -n '" + condition + "' -l " + flag.substr(2) + "\n";
  }
  return out;
}

class Completions : public Verb {
 public:
  VerbInfo info() const override {
    return {"completions", "help", "prints the completion script of a shell", "source <(lathe completions bash)", "bash|zsh|fish", 1};
  }
  void describe(SettingsTable&) override {}
  Result<Exit> run(Context& context) override {
    const std::string shell = context.operands().empty() ? "" : context.operands()[0];
    if (shell == "bash") context.print(bash_script(entries()));
    else if (shell == "zsh") context.print(zsh_script(entries()));
    else if (shell == "fish") context.print(fish_script(entries()));
    else return error("name the shell: lathe completions bash, zsh or fish");
    return Exit::kDone;
  }
};

}  // namespace

std::unique_ptr<Verb> make_completions() { return std::make_unique<Completions>(); }

}  // namespace lathe::cli
