#include "sandbox/sandbox.h"

#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <thread>

#include "core/log.h"
#include "core/parallel.h"
#include "sandbox/landlock.h"
#include "sandbox/run.h"

namespace lathe::sandbox {

struct Sandbox::State {
  House house;
  std::vector<std::string> walls, missing;
};

namespace {

constexpr size_t index_of(Wall wall) { return static_cast<size_t>(wall); }

// Since Linux 5.14 a limit on processes counts those of one user in one user namespace.
bool limits_count_by_namespace() {
  utsname name{};
  int major = 0, minor = 0;
  if (uname(&name) != 0 || std::sscanf(name.release, "%d.%d", &major, &minor) != 2) return false;
  return major > 5 || (major == 5 && minor >= 14);
}

// The first namespace that is still asked for: one call makes them all, and says no to all.
Wall refused_wall(const WallSet& walls, const Refusal& refusal) {
  if (refusal.wall != Wall::kCount || refusal.what != "clone") return refusal.wall;
  for (const Wall wall : {Wall::kUser, Wall::kPid, Wall::kMount, Wall::kNet, Wall::kIpc, Wall::kUts})
    if (walls[index_of(wall)]) return wall;
  return Wall::kCount;
}

// Root builds all other walls without a user namespace, and then becomes another user; Landlock stands "where present".
bool optional(Wall wall) { return wall == Wall::kLandlock || (wall == Wall::kUser && geteuid() == 0); }

std::string describe(const House& house, Wall wall) {
  const std::string name = wall_name(wall);
  switch (wall) {
    case Wall::kSeccomp: return join_text(name, ": ", house.filter.allowed, " calls allowed, ", house.filter.deadly, " end the process");
    case Wall::kLandlock: return join_text(name, ": ABI ", house.landlock_abi);
    case Wall::kLimits: return name + (house.counts_own_processes ? ": memory, processes, files, time" : ": memory, files, time");
    default: return name;
  }
}

Result<SeccompFilter> filter_or_none(bool unsafe, std::vector<std::string>& missing) {
  Result<SeccompFilter> filter = make_seccomp_filter();
  if (filter.ok()) return filter;
  if (!unsafe) return error("the sandbox has no wall \"seccomp\": ", filter.error().to_string());
  missing.push_back("seccomp: " + filter.error().to_string());
  return SeccompFilter{};
}

Error no_wall(Wall wall, const Refusal& refusal) {
  return error("the sandbox cannot build the wall \"", wall_name(wall), "\": ", refusal.what, ": ", std::strerror(refusal.code), "; mend: ", wall_remedy(wall),
               "; or run without it (the programs can then harm this machine): --unsafe-sandbox");
}

}  // namespace

Result<Sandbox> Sandbox::open(const SandboxOptions& options) {
  auto state = std::make_shared<State>();
  House& house = state->house;
  LATHE_TRY(house.interpreter, find_interpreter(options.python));
  LATHE_TRY(house.filter, filter_or_none(options.unsafe, state->missing));
  house.root = make_root_plan(house.interpreter);
  house.landlock_abi = landlock_abi();
  house.walls.fill(true);
  if (house.filter.instructions.empty()) house.walls[index_of(Wall::kSeccomp)] = false;
  if (house.landlock_abi == 0) {
    house.walls[index_of(Wall::kLandlock)] = false;
    state->missing.push_back(join_text("landlock: not in this kernel; mend: ", wall_remedy(Wall::kLandlock)));
  }
  house.groups = find_control_groups();

  // What the kernel refuses shows only when it is tried.
  for (int tries = 0; tries <= kWalls; ++tries) {
    const bool by_namespace = house.walls[index_of(Wall::kUser)] && limits_count_by_namespace();
    house.counts_own_processes = by_namespace || (has_own_user_ids() && house.walls[index_of(Wall::kIdentity)]);
    const RunResult probe = run_alone(house, "", Limits{});
    if (probe.refusal.code == 0) {
      if (!probe.outcome.success)
        return error_at(house.interpreter.path, -1, "does not run behind the walls: ", probe.outcome.to_string(), "; name another Python with --python");
      break;
    }
    const Wall wall = refused_wall(house.walls, probe.refusal);
    if (wall == Wall::kCount) return error("the sandbox cannot start a program: ", probe.refusal.what, ": ", std::strerror(probe.refusal.code));
    if (!optional(wall) && !options.unsafe) return no_wall(wall, probe.refusal);
    house.walls[index_of(wall)] = false;
    state->missing.push_back(join_text(wall_name(wall), ": ", probe.refusal.what, ": ", std::strerror(probe.refusal.code), "; mend: ", wall_remedy(wall)));
    if (!optional(wall)) log_warning("sandbox", "UNSAFE: programs run without the wall \"", state->missing.back(), "\"");
  }
  if (!house.counts_own_processes) {
    const std::string text = "limit on processes: counts all of this user's; mend: Linux 5.14 with user namespaces, or run as root";
    if (!house.groups.pids && !options.unsafe) return error("the sandbox has no ", text, "; or run without it: --unsafe-sandbox");
    if (!house.groups.pids) state->missing.push_back(text);
  }
  for (int i = 0; i < kWalls; ++i)
    if (house.walls[static_cast<size_t>(i)]) state->walls.push_back(describe(house, static_cast<Wall>(i)));
  if (house.groups.version != 0)
    state->walls.push_back(join_text("control groups, version ", house.groups.version, ":", house.groups.pids ? " pids" : "", house.groups.memory ? " memory" : ""));
  else
    state->missing.push_back("control groups: none that this user can make (a second bound on processes and memory; the first stands)");
  return Sandbox(std::move(state));
}

const std::vector<std::string>& Sandbox::walls() const { return state_->walls; }
const std::vector<std::string>& Sandbox::missing() const { return state_->missing; }
const std::string& Sandbox::python() const { return state_->house.interpreter.path; }

Outcome Sandbox::run(const std::string& program, const Limits& limits) const { return run_alone(state_->house, program, limits).outcome; }
Outcome Sandbox::run(const CheckedProgram& program, const Limits& limits) const { return run_checked(state_->house, program, limits).outcome; }

std::vector<Outcome> Sandbox::run_all(std::span<const CheckedProgram> programs, const Limits& limits) const {
  std::vector<Outcome> outcomes(programs.size());
  std::atomic<size_t> next = 0;
  const auto work = [&] {
    for (size_t i; (i = next.fetch_add(1)) < programs.size();) outcomes[i] = run(programs[i], limits);
  };
  std::vector<std::thread> threads;
  const size_t count = std::min(programs.size(), static_cast<size_t>(num_threads()));
  for (size_t i = 1; i < count; ++i) threads.emplace_back(work);
  work();
  for (std::thread& thread : threads) thread.join();
  return outcomes;
}

std::string Outcome::to_string() const {
  std::string text = success ? "success" : "failure";
  const auto add = [&](const char* name, const std::string& value) { text += join_text(", ", name, value); };
  if (timeout) add("timeout", "");
  if (memory_exceeded) add("memory exceeded", "");
  if (error) add("error: ", *error);
  if (exit_code) add("exit code ", std::to_string(*exit_code));
  if (signal) add("signal ", std::to_string(*signal));
  if (!standard_output.empty()) add("stdout: ", standard_output);
  if (!standard_error.empty()) add("stderr: ", standard_error);
  return text;
}

}  // namespace lathe::sandbox
