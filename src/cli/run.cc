#include "cli/run.h"

#include <algorithm>
#include <iostream>
#include <new>

#include "cli/command_line.h"
#include "cli/common_options.h"
#include "cli/config_files.h"
#include "cli/help.h"
#include "cli/version.h"
#include "core/environment.h"
#include "core/log.h"
#include "train/plan.h"

namespace lathe::cli {

class Runner {
 public:
  Runner(const VerbList& verbs, std::ostream& out, std::ostream& err) : verbs_(verbs), out_(out), err_(err) {}

  Exit run(std::vector<std::string> words) {
    if (words.empty()) return print(err_, help_of_program(verbs_), Exit::kUsage);
    if (words[0] == "--help" || words[0] == "-h" || words[0] == "help") {
      if (words[0] != "help" || words.size() == 1) return print(out_, help_of_program(verbs_), Exit::kDone);
      words.erase(words.begin());  // "lathe help train" = "lathe train --help"
      words.push_back("--help");
    }
    if (words[0] == "--version") return print(out_, version_text(), Exit::kDone);
    const std::vector<std::string> launcher = take_launcher_flags(words);
    if (words.empty()) return fail("lathe", error("no verb given; `lathe --help` lists them"), Exit::kUsage);
    if (words[0].starts_with("-")) return fail("lathe", error("the verb comes first, then its flags; got \"", words[0], "\""), Exit::kUsage);
    if (words.size() > 1 && (words[1] == "--help" || words[1] == "-h"))
      if (const std::string text = help_of_family(verbs_, words[0]); !text.empty() && !find_verb(verbs_, {words[0]}).ok())
        return print(out_, text, Exit::kDone);

    Result<Found> found = find_verb(verbs_, words);
    if (!found.ok()) return fail("lathe", found.error(), Exit::kUsage);
    std::vector<std::string> rest(words.begin() + static_cast<std::ptrdiff_t>(found.value().words), words.end());
    if (found.value().alias != nullptr && !rest.empty() && rest[0] == "--") rest.erase(rest.begin());  // torchrun's separator
    rest.insert(rest.begin(), launcher.begin(), launcher.end());
    return run_verb(found.value(), rest);
  }

 private:
  // `lathe --mixed_precision bf16 40_pretrain ...`: documented lines have these before the program (row L-15.3).
  static std::vector<std::string> take_launcher_flags(std::vector<std::string>& words) {
    std::vector<std::string> taken;
    const auto is_launcher = [](const std::string& word) {
      const std::string name = with_hyphens(word.substr(0, word.find('=')));
      return name == "--mixed-precision" || name == "--nproc" || name == "--nproc-per-node";
    };
    while (!words.empty() && is_launcher(words[0])) {
      const size_t count = words[0].find('=') == std::string::npos ? std::min<size_t>(2, words.size()) : 1;
      taken.insert(taken.end(), words.begin(), words.begin() + static_cast<std::ptrdiff_t>(count));
      words.erase(words.begin(), words.begin() + static_cast<std::ptrdiff_t>(count));
    }
    return taken;
  }

  Exit run_verb(const Found& found, const std::vector<std::string>& words) {
    Verb& verb = *found.verb;
    const VerbInfo info = verb.info();
    const std::string title = "lathe " + found.program;
    CommonOptions common;
    verb.adjust_common(common);
    SettingsTable table;
    verb.describe(table);
    describe_common(table, common);

    const Result<CommandLine> line = split_command_line(words, table);
    if (!line.ok()) return fail(title, line.error(), Exit::kUsage, true);
    if (line.value().help || line.value().help_all) return print(out_, help_of_verb(info, table, found, line.value().help_all), Exit::kDone);
    if (const auto& operands = line.value().operands; static_cast<int64_t>(operands.size()) > info.max_operands)
      return fail(title, error("unexpected word \"", operands[static_cast<size_t>(info.max_operands)], "\""), Exit::kUsage, true);
    if (static_cast<int64_t>(line.value().operands.size()) < info.min_operands)
      return fail(title, error("needs ", info.operands, "; example: ", info.example), Exit::kUsage, true);

    if (const Status status = read_config_file(verb, line.value(), table); !status.ok()) return fail(title, status.error(), Exit::kBadInput);
    if (const Status status = apply_flags(line.value().flags, table); !status.ok()) return fail(title, status.error(), Exit::kUsage, true);
    if (const Status status = resolve_common(common, info.ranks); !status.ok()) return fail(title, status.error(), Exit::kBadInput);
    if (common.print_config) return print(out_, table.to_json().dump(2) + "\n", Exit::kDone);
    if (const Status status = apply_common(common, table.given("log_level")); !status.ok()) return fail(title, status.error(), Exit::kBadInput);

    Context context(common, table, line.value().operands, found.program, out_, rank_from_environment().value().rank);
    log_debug("cli", title, " with ", table.to_json().dump());
    return call(verb, context, table, title);
  }

  // Row C-14.10: what a training verb may be told to take less memory.
  static std::string out_of_memory(const SettingsTable& table) {
    const Json settings = table.to_json();
    if (!settings.contains("device_batch_size")) return "out of memory";
    return "out of memory; " + train::memory_advice(settings.get_int("depth", 20), settings.get_int("max_seq_len", 2048)) + "; `lathe plan` shows what a training run needs";
  }

  Exit call(Verb& verb, Context& context, const SettingsTable& table, const std::string& title) {
    try {
      Result<Exit> result = verb.run(context);
      out_.flush();
      if (!result.ok()) return fail(title, result.error(), Exit::kBadInput);
      if (!out_.good()) return fail(title, error("standard output could not be written (disk full, or closed)"), Exit::kBadInput);
      return result.value();
    } catch (const std::bad_alloc&) {
      return fail(title, error(out_of_memory(table)), Exit::kBadInput);
    } catch (const std::exception& e) {
      return fail(title, error(e.what()), Exit::kBadInput);
    }
  }

  // The config file is read before any flag is written, so flags win wherever they stand.
  static Status read_config_file(Verb& verb, const CommandLine& line, SettingsTable& table) {
    bool named = false;
    for (const Flag& flag : line.flags) {
      if (flag.name != "config") continue;
      named = true;
      LATHE_TRY(const fs::path path, find_config(flag.words.at(0)));
      LATHE_TRY(const Json config, read_json(path));
      LATHE_TRY_STATUS(verb.read_config(table, config, path.string()));
    }
    const std::string usual = verb.default_config();
    std::error_code code;
    if (named || usual.empty() || !fs::exists(usual, code)) return {};
    LATHE_TRY_STATUS(table.set_text("config", {usual}));
    LATHE_TRY(const Json config, read_json(usual));
    return verb.read_config(table, config, usual);
  }

  Exit fail(const std::string& title, const Error& error, Exit exit, bool point_to_help = false) {
    out_.flush();
    err_ << title << ": " << error.to_string() << '\n';
    if (point_to_help) err_ << "`" << title << " --help` lists its flags\n";
    err_.flush();
    return exit;
  }

  static Exit print(std::ostream& stream, const std::string& text, Exit exit) {
    stream << text << std::flush;
    return exit;
  }

  const VerbList& verbs_;
  std::ostream& out_;
  std::ostream& err_;
};

Exit run_words(const VerbList& verbs, std::vector<std::string> words, std::ostream& out, std::ostream& err) {
  return Runner(verbs, out, err).run(std::move(words));
}

int run(int argc, char** argv) {
  std::ios::sync_with_stdio(false);
  const VerbList verbs = make_verbs();
  return static_cast<int>(run_words(verbs, std::vector<std::string>(argv + std::min(argc, 1), argv + argc), std::cout, std::cerr));
}

}  // namespace lathe::cli
