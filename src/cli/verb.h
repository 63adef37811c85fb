// What a verb of the command line is. To add one:
//   1. src/cli/<verb>.cc: a class derived from Verb over a plain settings struct, and `std::unique_ptr<Verb> make_<verb>()`
//   2. src/cli/verbs.cc: that function's declaration and one line in the list
// Everything else (flags, config file, --help, --print-config, completions, errors, exit status) follows from these.
// One run: describe() fills the table with the verb's settings at their defaults; config file, then flags are
// written into them; run() does the work. doctor.cc is a small example.
#pragma once

#include <cstdint>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "core/file.h"
#include "core/json.h"
#include "core/result.h"
#include "core/settings.h"
#include "tensor/device.h"

namespace lathe::cli {

enum class Exit : int {
  kDone = 0,
  kBadInput = 1,     // outside data or settings wrong
  kUsage = 2,        // the command line itself is wrong
  kInterrupted = 3,  // stopped by a signal, a valid checkpoint stands
};

// Flags that every verb has; run.cc has applied those that are global (threads, logging, quiet) before Verb::run.
struct CommonOptions {
  std::string config;
  bool print_config = false;
  bool json = false;
  bool quiet = false;
  std::string log_level = "INFO";
  std::string log_file;
  int64_t threads = 0;  // 0: OMP_NUM_THREADS, else all
  int64_t seed = 42;
  std::string device = "auto";
  std::string dtype = "auto";  // auto, bf16 or fp32 once resolved
  std::string mixed_precision;
  int64_t nproc = 1;
  std::string base_dir;
  std::string tag;
};

// What run() works with. Lives for one run; not thread-safe.
class Context {
 public:
  Context(const CommonOptions& common, const SettingsTable& table, std::vector<std::string> operands,
          std::string program, std::ostream& out, int rank = 0)
      : common_(common), table_(table), operands_(std::move(operands)), program_(std::move(program)), out_(out), rank_(rank) {}

  const CommonOptions& common() const { return common_; }
  Device device() const;  // the resolved one; logs it
  const std::vector<std::string>& operands() const { return operands_; }  // words that belong to no flag
  const std::string& program() const { return program_; }  // the name the verb was called by: "train", "base_train"
  int rank() const { return rank_; }  // of RANK; only rank 0 prints

  // All resolved settings, for manifests, metrics, reports and checkpoints (row C-17.6).
  Json settings() const { return table_.to_json(); }
  bool given(const std::string& name) const;  // set by config file or flag, not left at its default

  Result<fs::path> base_folder() const;

  // A line for people on standard output; silent on ranks above 0 (row C-17.2).
  template <class... Parts>
  void print(const Parts&... parts) { print_line(join_text(parts...)); }
  void print_banner();

  // The end of a verb that reports figures: with --json, one JSON object on one line, the last of standard output.
  Exit finish(const Json& figures, Exit exit = Exit::kDone);

 private:
  void print_line(const std::string& line);
  const CommonOptions& common_;
  const SettingsTable& table_;
  std::vector<std::string> operands_;
  std::string program_;
  std::ostream& out_;
  int rank_;
};

struct VerbInfo {
  std::string name;      // "train", or two words: "tokenizer train"
  std::string group;     // one of kGroups in verbs.h
  std::string summary;   // one line, no full stop
  std::string example;   // one command line
  std::string operands;  // shown in the usage line, "[FILE ...]"; empty: the verb takes none
  int64_t max_operands = 0;
  int64_t min_operands = 0;  // fewer is wrong usage
  bool ranks = false;        // its work may be shared by the ranks of an mpirun (dist/communicator.h)
};

class Verb {
 public:
  virtual ~Verb() = default;
  virtual VerbInfo info() const = 0;
  // Adds the settings (members of the verb, which outlive the table). A name of CommonOptions may not be added again.
  virtual void describe(SettingsTable& table) = 0;
  // Another default for a flag that all verbs share, e.g. a tag.
  virtual void adjust_common(CommonOptions&) {}
  // Read where it stands and no --config is given (row L-11.5); empty: none.
  virtual std::string default_config() const { return ""; }
  // Takes one config file. The default reads each key as a setting; a verb with key names of its own maps them here.
  virtual Status read_config(SettingsTable& table, const Json& config, const std::string& path) { return table.read_object(config, path); }
  // An error ends with status 1 and its text on standard error.
  virtual Result<Exit> run(Context& context) = 0;
};

}  // namespace lathe::cli
