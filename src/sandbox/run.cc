#include "sandbox/run.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>

#include "core/text.h"
#include "sandbox/checker_side.h"
#include "sandbox/codec.h"
#include "sandbox/program_side.h"
#include "sandbox/supervise.h"

namespace lathe::sandbox {
namespace {

constexpr double kGraceSeconds = 1;            // row C-12.2: a timer inside first, then the kill
constexpr double kPatienceSeconds = 0.3;       // for a process whose streams are closed to be seen ending
constexpr size_t kMostVerdictBytes = 1 << 16;
constexpr int64_t kMostReplyBytes = 64 << 20;  // of one result
constexpr int64_t kUsualStack = 8 << 20;
constexpr int64_t kHalfTheAddresses = int64_t{1} << 46;
constexpr int64_t kNoLimit = -1;

using Seconds = std::chrono::duration<double>;

Time now() { return std::chrono::steady_clock::now(); }
Time after(Time start, double seconds) { return start + std::chrono::duration_cast<std::chrono::nanoseconds>(Seconds(seconds)); }

bool has(const House& house, Wall wall) { return house.walls[static_cast<size_t>(wall)]; }

// Never above what this process may set itself.
void add_limit(std::vector<RlimitPlan>& plans, int resource, int64_t soft, int64_t hard) {
  rlimit current{};
  if (getrlimit(static_cast<__rlimit_resource_t>(resource), &current) != 0) return;
  const auto bounded = [&](int64_t value) { return value == kNoLimit ? current.rlim_max : std::min<uint64_t>(current.rlim_max, static_cast<uint64_t>(value)); };
  plans.push_back({resource, std::min(bounded(soft), bounded(hard)), bounded(hard)});
}

std::vector<RlimitPlan> limit_plans(const House& house, const Limits& limits) {
  std::vector<RlimitPlan> plans;
  const auto both = [&](int resource, int64_t value) { add_limit(plans, resource, value, value); };
  if (limits.memory_bytes) {
    both(RLIMIT_AS, *limits.memory_bytes);
    both(RLIMIT_DATA, *limits.memory_bytes);
    // A thread gets a stack of the soft limit at the start; the program's side raises it once it runs.
    add_limit(plans, RLIMIT_STACK, std::min(kUsualStack, *limits.memory_bytes), *limits.memory_bytes);
  } else {
    // All of the address space would let a program be given the lowest pages (seccomp_filter.h).
    both(RLIMIT_AS, kHalfTheAddresses);
  }
  const auto processor = static_cast<int64_t>(std::ceil(limits.seconds + kGraceSeconds)) + 1;
  both(RLIMIT_CPU, processor * std::max<int64_t>(1, limits.processes));  // should nobody be left to watch
  both(RLIMIT_FSIZE, limits.file_bytes);
  both(RLIMIT_NOFILE, limits.open_files);
  if (house.counts_own_processes) both(RLIMIT_NPROC, limits.processes);
  // Not 0: that forbids core files only, while a handler in core_pattern would still be started, as root, on a hostile memory.
  // 1 stops both (Linux, fs/coredump.c).
  both(RLIMIT_CORE, 1);
  both(RLIMIT_MEMLOCK, 65536);
  both(RLIMIT_MSGQUEUE, 0);
  both(RLIMIT_SIGPENDING, 256);
  return plans;
}

Launch make_launch(const House& house, const Limits& limits, std::string_view side, std::vector<std::string> arguments) {
  Launch launch;
  launch.walls = house.walls;
  launch.root = &house.root;
  // A size of 0 would be none.
  launch.work_option = join_text("size=", std::max<int64_t>(1, limits.file_bytes), ",nr_inodes=4096,mode=1777");
  launch.seccomp = &house.filter.instructions;
  launch.landlock_abi = house.landlock_abi;
  launch.limits = limit_plans(house, limits);
  launch.arguments = {house.interpreter.path, "-S", "-s", "-B", "-c", join_text(codec(), "\n\n", side)};
  launch.arguments.insert(launch.arguments.end(), arguments.begin(), arguments.end());
  // One seed of hashes, so that the order of sets, and with it a verdict, is the same each time. One arena: each further one
  // would reserve a quarter of the usual memory bound for the first thread.
  launch.environment = {"PATH=/usr/bin:/bin", join_text("HOME=", kWorkFolder), "LC_ALL=C.UTF-8", "PYTHONUTF8=1", "PYTHONHASHSEED=0",
                        "PYTHONSAFEPATH=1", "OMP_NUM_THREADS=1", "MALLOC_ARENA_MAX=1"};
  return launch;
}

// The working folder where no tmpfs can be mounted; open to a user id of the program's own.
struct OutsideWork {
  std::optional<TemporaryFolder> folder;
  explicit OutsideWork(const House& house) {
    if (has(house, Wall::kMount)) return;
    folder.emplace("lathe-sandbox");
    fs::permissions(folder->path(), fs::perms::all);
  }
  std::string path() const { return folder ? folder->path().string() : std::string(); }
};

struct Streams {
  Collected out, err;
  Descriptor null, out_end, err_end;
};

Result<Streams> make_streams(const Limits& limits) {
  LATHE_TRY(Pipe out, make_pipe());
  LATHE_TRY(Pipe err, make_pipe());
  LATHE_TRY(Descriptor null, open_for_writing_only("/dev/null"));
  const auto cap = static_cast<size_t>(std::max<int64_t>(0, limits.output_bytes));
  return Streams{{std::move(out.read_end), {}, cap}, {std::move(err.read_end), {}, cap}, std::move(null), std::move(out.write_end), std::move(err.write_end)};
}

RunResult impossible(const Error& problem) {
  RunResult result;
  result.outcome.error = "Execution failed (" + problem.to_string() + ")";
  return result;
}

RunResult refused(const Refusal& refusal) {
  RunResult result;
  result.refusal = refusal;
  result.outcome.error = join_text("Execution failed (the sandbox could not be built: ", refusal.what, ")");
  return result;
}

void set_timeout(Outcome& outcome, bool killed) {
  outcome.timeout = true;
  outcome.error = killed ? "Execution timed out (process killed)" : "Execution timed out";
}

// Gone without a word: before it began (row C-12.3), or later.
void set_gone(Outcome& outcome, bool began, const Ended& ended, bool memory_ran_out) {
  outcome.exit_code = ended.exit_code;
  outcome.signal = ended.signal;
  if (memory_ran_out) {
    outcome.memory_exceeded = true;
    outcome.error = "Memory limit exceeded: ended by the kernel";
  } else if (!began) {
    outcome.timeout = true;
    outcome.error = "Execution failed (no result returned)";
  }
}

void set_success(Outcome& outcome, const Collected& out, const Collected& err) {
  outcome.success = true;
  outcome.standard_output = repair_utf8(out.text);
  outcome.standard_error = repair_utf8(err.text);
}

// Frames of program_side.py: 8 bytes of length, then a kind and its text. The frame at `at`, or nothing yet.
std::optional<std::string> frame_at(const std::string& text, size_t& at) {
  constexpr size_t kHead = 8;
  if (text.size() < at + kHead) return std::nullopt;
  uint64_t size = 0;
  for (size_t i = kHead; i-- > 0;) size = (size << 8) | static_cast<unsigned char>(text[at + i]);
  if (size > kMostVerdictBytes || text.size() < at + kHead + size) return std::nullopt;
  std::string frame = text.substr(at + kHead, static_cast<size_t>(size));
  at += kHead + static_cast<size_t>(size);
  return frame;
}

// {began, answer} of a program alone.
std::pair<bool, std::optional<std::string>> answer_in(const std::string& text) {
  size_t at = 0;
  const auto first = frame_at(text, at);
  if (!first || *first != "S") return {false, std::nullopt};
  return {true, frame_at(text, at)};
}

void read_answer(Outcome& outcome, const std::string& answer, const Streams& streams) {
  const char kind = answer.empty() ? '?' : answer[0];
  const std::string text = repair_utf8(answer.substr(std::min<size_t>(1, answer.size())));
  if (kind == 'V') {
    set_success(outcome, streams.out, streams.err);
  } else if (kind == 'T') {
    set_timeout(outcome, false);
  } else if (kind == 'M') {
    outcome.memory_exceeded = true;
    outcome.error = "Memory limit exceeded: " + text;
  } else {
    const size_t zero = text.find('\0');
    outcome.error = kind == 'E' && zero != std::string::npos ? text.substr(0, zero) + ": " + text.substr(zero + 1) : "an unreadable result";
  }
}

std::string length_of(const std::string& text) {
  std::string bytes(8, '\0');
  for (size_t i = 0; i < 8; ++i) bytes[i] = static_cast<char>(static_cast<unsigned char>(static_cast<uint64_t>(text.size()) >> (8 * i)));
  return bytes;
}

}  // namespace

RunResult run_alone(const House& house, const std::string& program, const Limits& limits) {
  Result<Streams> made = make_streams(limits);
  if (!made.ok()) return impossible(made.error());
  Streams& streams = made.value();
  Result<Pipe> replies = make_pipe();
  Result<Descriptor> text = sealed_text(program);
  if (!replies.ok()) return impossible(replies.error());
  if (!text.ok()) return impossible(text.error());

  const OutsideWork work(house);
  const ControlGroup group(house.groups, limits.processes, limits.memory_bytes);
  Launch launch = make_launch(house, limits, program_side(), {"alone", shortest_double(limits.seconds)});
  launch.outside_work = work.path();
  if (group.ok()) launch.groups = group.process_files();
  launch.files = {streams.null.get(), streams.out_end.get(), streams.err_end.get(), streams.null.get(), replies.value().write_end.get(), text.value().get()};
  const Time start_time = now();
  const Started started = start(launch);
  if (started.pid < 0) return refused(started.refusal);
  streams.out_end.reset();
  streams.err_end.reset();
  replies.value().write_end.reset();

  Collected verdict{std::move(replies.value().read_end), {}, kMostVerdictBytes + 64};
  const Watched watched = watch(verdict, {&streams.out, &streams.err}, after(start_time, limits.seconds + kGraceSeconds),
                                [](const std::string& bytes) { return answer_in(bytes).second.has_value(); });
  const auto [began, answer] = answer_in(verdict.text);
  const Ended ended = watched == Watched::kClosed ? how_it_ended(started.pid, kPatienceSeconds) : Ended{};
  end_tree(started.pid, has(house, Wall::kPid));
  RunResult result;
  if (answer) read_answer(result.outcome, *answer, streams);
  else if (watched == Watched::kLate) set_timeout(result.outcome, true);
  else set_gone(result.outcome, began, ended, group.memory_ran_out());
  result.outcome.seconds = Seconds(now() - start_time).count();
  return result;
}

RunResult run_checked(const House& house, const CheckedProgram& program, const Limits& limits) {
  Result<Streams> made = make_streams(limits);
  Result<Pipe> requests = make_pipe(), replies = make_pipe(), verdicts = make_pipe();
  Result<Descriptor> text = sealed_text(program.program);
  Result<Descriptor> test = sealed_text(join_text(length_of(program.entry_point), length_of(program.given), program.entry_point, program.given, program.test));
  for (const Error* problem : {made.ok() ? nullptr : &made.error(), requests.ok() ? nullptr : &requests.error(), replies.ok() ? nullptr : &replies.error(),
                               verdicts.ok() ? nullptr : &verdicts.error(), text.ok() ? nullptr : &text.error(), test.ok() ? nullptr : &test.error()})
    if (problem != nullptr) return impossible(*problem);
  Streams& streams = made.value();

  const OutsideWork work(house), checker_work(house);
  const ControlGroup group(house.groups, limits.processes, limits.memory_bytes);
  Launch launch = make_launch(house, limits, program_side(), {"checked", shortest_double(limits.seconds)});
  launch.outside_work = work.path();
  if (group.ok()) launch.groups = group.process_files();
  launch.files = {streams.null.get(), streams.out_end.get(), streams.err_end.get(), requests.value().read_end.get(), replies.value().write_end.get(), text.value().get()};
  const Time start_time = now();
  const Started untrusted = start(launch);
  if (untrusted.pid < 0) return refused(untrusted.refusal);
  streams.out_end.reset();
  streams.err_end.reset();
  requests.value().read_end.reset();
  replies.value().write_end.reset();

  Launch check = make_launch(house, limits, checker_side(), {shortest_double(limits.seconds), std::to_string(kMostReplyBytes)});
  check.outside_work = checker_work.path();
  check.files = {streams.null.get(), streams.null.get(), streams.null.get(), replies.value().read_end.get(), requests.value().write_end.get(), test.value().get(), verdicts.value().write_end.get()};
  const Started checker = start(check);
  if (checker.pid < 0) {
    end_tree(untrusted.pid, has(house, Wall::kPid));
    return refused(checker.refusal);
  }
  replies.value().read_end.reset();
  requests.value().write_end.reset();
  verdicts.value().write_end.reset();

  // The verdict's pipe is held by the checker alone; it is whole when the checker has closed it by ending.
  Collected verdict{std::move(verdicts.value().read_end), {}, kMostVerdictBytes};
  const Watched watched = watch(verdict, {&streams.out, &streams.err}, after(start_time, limits.seconds + kGraceSeconds),
                                [](const std::string& bytes) { return bytes == "success\n"; });
  const size_t line = verdict.text.find('\n');
  const std::string kind = watched == Watched::kLate || line == std::string::npos ? "" : verdict.text.substr(0, line);
  const std::string message = line == std::string::npos ? "" : repair_utf8(verdict.text.substr(line + 1));
  const Ended ended = kind == "none" || kind == "gone" ? how_it_ended(untrusted.pid, kPatienceSeconds) : Ended{};
  end_tree(checker.pid, has(house, Wall::kPid));
  end_tree(untrusted.pid, has(house, Wall::kPid));

  RunResult result;
  Outcome& outcome = result.outcome;
  if (kind == "success") {
    set_success(outcome, streams.out, streams.err);
  } else if (kind == "error") {
    outcome.error = message;
  } else if (kind == "memory") {
    outcome.memory_exceeded = true;
    outcome.error = "Memory limit exceeded: " + message;
  } else if (kind == "timeout" || watched == Watched::kLate) {
    set_timeout(outcome, kind.empty());
  } else {
    set_gone(outcome, kind == "gone", ended, group.memory_ran_out());
  }
  outcome.seconds = Seconds(now() - start_time).count();
  return result;
}

}  // namespace lathe::sandbox
