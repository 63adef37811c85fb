// lathe sandbox: one program behind the walls that a model's programs run behind.
#include "sandbox/sandbox.h"

#include <unistd.h>

#include "cli/terminal.h"
#include "cli/verb.h"
#include "cli/verbs.h"
#include "core/byte_size.h"
#include "core/log.h"

namespace lathe::cli {
namespace {

class SandboxVerb : public Verb {
 public:
  VerbInfo info() const override {
    return {"sandbox", "judge", "run one Python program behind the walls of the sandbox", "lathe sandbox program.py --seconds 2 --memory 100MB", "FILE", 1, 1};
  }
  void describe(SettingsTable& table) override {
    table.group("program");
    table.add("seconds", &seconds_, "wall clock that it may take");
    table.add("memory", &memory_, "memory that it may use, as 256MiB; none: no limit");
    table.add("python", &options_.python, "interpreter; empty: the one that is found");
    table.add("unsafe_sandbox", &options_.unsafe, "run even where the kernel refuses a wall: the program can then harm this machine");
  }
  Result<Exit> run(Context& context) override;

 private:
  double seconds_ = sandbox::Limits{}.seconds;
  std::string memory_ = "256MiB";
  sandbox::SandboxOptions options_;
};

Result<Exit> SandboxVerb::run(Context& context) {
  constexpr double kMostSeconds = 86400;
  sandbox::Limits limits;
  if (!(seconds_ > 0 && seconds_ <= kMostSeconds)) return error_at("seconds", -1, "must be above 0 and at most ", kMostSeconds);
  limits.seconds = seconds_;
  limits.memory_bytes = std::nullopt;
  if (memory_ != "none") {
    LATHE_TRY(limits.memory_bytes, parse_byte_size(memory_));
    if (*limits.memory_bytes < 1) return error_at("memory", -1, "must be at least one byte, or none");
  }
  LATHE_TRY(const std::string program, read_file(context.operands().at(0)));
  LATHE_TRY(const sandbox::Sandbox box, sandbox::Sandbox::open(options_));
  Json walls = Json::array();
  for (const std::string& wall : box.walls()) {
    log_debug("sandbox", wall);
    walls.push_back(wall);
  }
  const sandbox::Outcome outcome = box.run(program, limits);
  if (!outcome.standard_output.empty()) context.print(safe_for(STDOUT_FILENO, trim_text(outcome.standard_output)));
  sandbox::Outcome summary = outcome;
  summary.standard_output.clear();
  summary.standard_error.clear();
  if (!outcome.standard_error.empty()) log_info("sandbox", "the program's standard error: ", safe_for(STDERR_FILENO, trim_text(outcome.standard_error)));
  context.print(summary.to_string(), format_text(" (%.2f s)", outcome.seconds));
  const auto or_null = [](const auto& value) { return value ? Json(*value) : Json(); };
  const Json figures(Json::Object{{"success", outcome.success}, {"error", or_null(outcome.error)}, {"timeout", outcome.timeout},
                                  {"memory_exceeded", outcome.memory_exceeded}, {"exit_code", or_null(outcome.exit_code)}, {"signal", or_null(outcome.signal)},
                                  {"stdout", outcome.standard_output}, {"stderr", outcome.standard_error}, {"seconds", outcome.seconds}, {"walls", walls}});
  return context.finish(figures, outcome.success ? Exit::kDone : Exit::kBadInput);
}

}  // namespace

std::unique_ptr<Verb> make_sandbox() { return std::make_unique<SandboxVerb>(); }

}  // namespace lathe::cli
