// lathe doctor: what this machine and installation can do, what is missing, and the command that mends it.
#include <string_view>

#include "cli/checklist.h"
#include "cli/training.h"
#include "cli/verb.h"
#include "cli/version.h"
#include "core/environment.h"
#include "core/machine.h"
#include "core/parallel.h"
#include "sandbox/sandbox.h"
#include "train/propose.h"

namespace lathe::cli {
namespace {

enum class State { kGood, kNote, kBad };

struct Finding {
  State state;
  std::string name, text, remedy;
};

constexpr double kGigabyte = 1 << 30;
constexpr double kLowMemoryGb = 2, kLowDiskGb = 5;

std::string gigabytes(int64_t bytes) { return format_text("%.1f GB", static_cast<double>(bytes) / kGigabyte); }

Finding vector_unit() {
  std::string name = isa_name(max_isa());
  if (max_isa() < cpu_isa()) name += join_text(" (LATHE_MAX_ISA; this machine has ", isa_name(cpu_isa()), ")");
  if (max_isa() == Isa::kAvx512Bf16) return {State::kGood, "vector unit", name + ": multiplies bf16; --dtype auto takes bf16", ""};
  return {State::kNote, "vector unit", name + ": no bf16 products in hardware; --dtype auto takes fp32", ""};
}

Finding memory(const Machine& machine) {
  const int64_t available = available_memory_bytes();
  const bool low = static_cast<double>(available) < kLowMemoryGb * kGigabyte;
  return {low ? State::kNote : State::kGood, "memory", gigabytes(available) + " available of " + gigabytes(machine.memory_bytes),
          low ? "close other programs, or train smaller: `lathe plan` shows what a run needs" : ""};
}

Finding base_folder_finding(const Context& context) {
  const Result<fs::path> folder = context.base_folder();
  const std::string remedy = "give a folder you may write: --base-dir DIR, or export LATHE_BASE_DIR=DIR";
  if (!folder.ok()) return {State::kBad, "base folder", folder.error().to_string(), remedy};
  const fs::path probe = folder.value() / ".doctor";
  if (const Status status = write_file_atomic(probe, "probe"); !status.ok())
    return {State::kBad, "base folder", status.error().to_string(), remedy};
  std::error_code ignored;
  fs::remove(probe, ignored);
  const Result<int64_t> free_bytes = free_disk_bytes(folder.value());
  if (!free_bytes.ok()) return {State::kNote, "base folder", folder.value().string(), ""};
  const bool low = static_cast<double>(free_bytes.value()) < kLowDiskGb * kGigabyte;
  return {low ? State::kNote : State::kGood, "base folder", folder.value().string() + ", " + gigabytes(free_bytes.value()) + " free",
          low ? "free some disk, or " + remedy : ""};
}

// Third-party libraries that this process has loaded, by file name.
Finding libraries() {
  std::string list;
  for (const std::string& path : loaded_libraries()) {
    const std::string name = fs::path(path).filename().string();
    for (const std::string_view known : {"libdnnl", "libgomp", "libomp", "libhwy", "libspdlog", "libutf8proc", "libzstd", "libz.", "libarrow", "libparquet"})
      if (name.starts_with(known)) list += (list.empty() ? "" : ", ") + name;
  }
  return {State::kGood, "libraries", list, ""};
}

Finding parquet() {
  if (LATHE_HAS_PARQUET) return {State::kGood, "parquet", "read and written", ""};
  return {State::kNote, "parquet", "this build cannot read .parquet files", "cmake --preset release -DLATHE_PARQUET=ON && cmake --build --preset release"};
}

Finding cuda() {
  if (device_available(Device::kCuda)) return {State::kGood, "cuda", "available", ""};
  return {State::kNote, "cuda", "not in this build; everything runs on the CPU", ""};
}

std::string joined(const std::vector<std::string>& parts) {
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : "; ") + part;
  return text;
}

// The walls around untrusted programs (HumanEval): those that stand, and what mends the others.
Finding sandbox_walls() {
  const Result<sandbox::Sandbox> opened = sandbox::Sandbox::open();
  if (!opened.ok()) return {State::kNote, "sandbox", "off: programs of models are not run", opened.error().to_string()};
  const sandbox::Sandbox& box = opened.value();
  return {State::kGood, "sandbox", box.python() + " behind: " + joined(box.walls()), joined(box.missing())};
}

// Base training that would use half, three quarters and nearly all of the free memory. Nothing is set by it.
Json propose(Context& context) {
  Json list = Json::array();
  for (const train::Proposal& proposal : train::propose(available_memory_bytes(), resolved_dtype(context))) {
    const std::string command = "lathe train " + proposal.flags();
    context.print(format_text("memory  %2d %%: %8s  ", proposal.percent, gigabytes(proposal.total_bytes).c_str()), command);
    list.push_back(Json(Json::Object{{"percent", int64_t{proposal.percent}}, {"total_bytes", proposal.total_bytes}, {"command", command}}));
  }
  return list;
}

class Doctor : public Verb {
 public:
  VerbInfo info() const override {
    return {"doctor", "help", "what this machine and installation can do, what is missing, and what mends it", "lathe doctor", "", 0};
  }
  void describe(SettingsTable& table) override { table.add("run", &run_, "the checklist of a whole run instead: disk, data, stages, evaluations, report"); }

  Result<Exit> run(Context& context) override {
    if (run_) return checklist(context);
    const Machine machine = read_machine();
    const std::vector<Finding> findings = {
        {State::kGood, "cpu", join_text(machine.cpu_model, ", ", machine.logical_cpus, " logical, ", num_threads(), " threads in use"), ""},
        vector_unit(), memory(machine), base_folder_finding(context), libraries(), parquet(), sandbox_walls(), cuda()};
    context.print(version_text());
    bool bad = false;
    Json checks = Json::object();
    for (const Finding& finding : findings) {
      constexpr const char* kMarks[] = {"good", "note", "BAD "};
      constexpr const char* kStates[] = {"good", "note", "bad"};
      const auto index = static_cast<size_t>(finding.state);
      context.print(format_text("%s  %-12s ", kMarks[index], finding.name.c_str()), finding.text);
      if (!finding.remedy.empty()) context.print("                    mend: ", finding.remedy);
      bad = bad || finding.state == State::kBad;
      checks[finding.name] = Json(Json::Object{{"state", kStates[index]}, {"text", finding.text}, {"remedy", finding.remedy}});
    }
    checks["proposals"] = propose(context);
    return context.finish(checks, bad ? Exit::kBadInput : Exit::kDone);
  }

 private:
  static Result<Exit> checklist(Context& context) {
    LATHE_TRY(const fs::path base, context.base_folder());
    Json items = Json::object();
    for (const ChecklistItem& item : run_checklist(base, context.common().tag)) {
      context.print(item.done ? "[x] " : item.expected ? "[ ] " : "[-] ", format_text("%-16s ", item.name.c_str()), item.text);
      if (!item.done && item.expected) context.print("                     next: ", item.command);
      items[item.name] = Json(Json::Object{{"done", item.done}, {"expected", item.expected}, {"text", item.text}, {"command", item.command}});
    }
    return context.finish(items);
  }

  bool run_ = false;
};

}  // namespace

std::unique_ptr<Verb> make_doctor() { return std::make_unique<Doctor>(); }

}  // namespace lathe::cli
