// Runs untrusted Python behind the kernel's own walls: namespaces (user where allowed, pid, net, mount, ipc, uts), a seccomp
// allow-list, Landlock where present, no new privileges, read-only root, a small tmpfs as working folder, rlimits, control
// groups where allowed, and a wall-clock kill of the whole tree. Rows C-12.1 to C-12.14; traps G2, S13.
//
// The verdict is formed outside of the program: a program that ends early, replaces the check or lies about its result has not
// succeeded. Where the kernel refuses a wall, open() is an error that names it; nothing runs without walls unless asked for.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/file.h"
#include "core/result.h"

namespace lathe::sandbox {

struct Limits {
  double seconds = 5;                                       // wall clock, of the whole tree
  std::optional<int64_t> memory_bytes = 256 * 1024 * 1024;  // none: no limit (the defect of row C-12.1 mended)
  int64_t file_bytes = 16 * 1024 * 1024;                    // all that it writes
  int64_t processes = 16;                                   // its threads; it cannot start processes
  int64_t open_files = 64;
  int64_t output_bytes = 1024 * 1024;                       // of each of stdout and stderr; more is cut off
};

struct Outcome {
  bool success = false;                         // ran to its end without an exception
  std::string standard_output, standard_error;  // of a success (row C-12.5), valid UTF-8
  std::optional<std::string> error;             // "<type>: <message>", "Execution timed out", ...
  bool timeout = false, memory_exceeded = false;
  std::optional<int> exit_code, signal;         // where it went without a result (row C-12.3)
  double seconds = 0;
  std::string to_string() const;                // lists only what is set (row C-12.1)
};

// A program that defines `entry_point`, and a test that defines check(candidate) over it, as HumanEval has them (row C-7.36).
// The test runs apart from the program and sees of its results plain values only: None, bool, int, float, complex, str, bytes,
// list, tuple, dict, set, range, iterators as what they yield. Changes that a call makes to its arguments stay in the program.
struct CheckedProgram {
  std::string program, test, entry_point;
  // The task's own text, in which functions may stand that the test calls beside the candidate (HumanEval: the prompt). They
  // are taken from here and not from the program.
  std::string given = {};
};

struct SandboxOptions {
  bool unsafe = false;      // run with the walls that there are, with a warning in the log for each that is missing
  std::string python = {};  // empty: found (row C-12.12)
};

// Thread-safe; cheap to copy; owns nothing that outlives it.
class Sandbox {
 public:
  // Errors: no Python (row C-12.12: the task is "not run"), a wall that the kernel refuses, with the remedy.
  static Result<Sandbox> open(const SandboxOptions& options = {});
  // The walls that stand, a line each, for `lathe doctor` and for results: "seccomp: 142 calls allowed, 56 end the process".
  const std::vector<std::string>& walls() const;
  // The walls that do not stand, each with the reason and what mends it.
  const std::vector<std::string>& missing() const;
  const std::string& python() const;  // the interpreter's path

  // The program alone, `__name__` is not "__main__" (row C-12.13). Its end is seen from outside, but that it got there is its
  // own word: what is to be believed is a CheckedProgram.
  Outcome run(const std::string& program, const Limits& limits = {}) const;
  Outcome run(const CheckedProgram& program, const Limits& limits = {}) const;
  // Several at a time, on as many threads as the process has; results in the order of the programs (row C-12.14).
  std::vector<Outcome> run_all(std::span<const CheckedProgram> programs, const Limits& limits = {}) const;

 private:
  struct State;
  explicit Sandbox(std::shared_ptr<const State> state) : state_(std::move(state)) {}
  std::shared_ptr<const State> state_;
};

}  // namespace lathe::sandbox
