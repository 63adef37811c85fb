// One program behind walls that have been tried out: starts the processes, watches them, reads the verdict.
#pragma once

#include <string>

#include "sandbox/control_groups.h"
#include "sandbox/interpreter.h"
#include "sandbox/sandbox.h"
#include "sandbox/seccomp_filter.h"
#include "sandbox/walls.h"

namespace lathe::sandbox {

// What every start has in common.
struct House {
  WallSet walls{};
  Interpreter interpreter;
  RootPlan root;
  SeccompFilter filter;
  int landlock_abi = 0;
  bool counts_own_processes = true;  // a limit on processes counts this sandbox only
  ControlGroups groups;
};

struct RunResult {
  Outcome outcome;
  Refusal refusal;  // of a start that a wall refused; code 0: none
};

RunResult run_alone(const House& house, const std::string& program, const Limits& limits);
RunResult run_checked(const House& house, const CheckedProgram& program, const Limits& limits);

}  // namespace lathe::sandbox
