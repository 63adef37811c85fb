#include "sandbox/interpreter.h"

#include <elf.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <fstream>

#include "core/environment.h"
#include "core/text.h"
#include "sandbox/descriptor.h"

extern char** environ;

namespace lathe::sandbox {
namespace {

bool below_usr(const std::string& path) { return path == "/usr" || path.starts_with("/usr/"); }

// What a program writes, when it ends well; empty otherwise.
std::string output_of(std::vector<std::string> arguments) {
  Result<Pipe> pipe = make_pipe();
  if (!pipe.ok()) return {};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, pipe.value().write_end.get(), 1);
  posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", 1, 0);
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  pid_t pid = -1;
  const int code = posix_spawn(&pid, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  pipe.value().write_end.reset();
  if (code != 0) return {};
  std::string text;
  char buffer[4096];
  for (ssize_t got; (got = read(pipe.value().read_end.get(), buffer, sizeof buffer)) > 0;) text.append(buffer, static_cast<size_t>(got));
  int status = 0;
  waitpid(pid, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? text : std::string();
}

Result<Interpreter> interpreter_at(const std::string& path) {
  std::error_code code;
  const fs::path resolved = fs::canonical(path, code);
  if (code || access(path.c_str(), X_OK) != 0) return error_at(path, -1, "no program that can be run");
  if (below_usr(resolved.string())) return Interpreter{resolved.string(), ""};
  // A shim, or an installation of its own: ask it.
  const std::string ask = "import os, sys; print(os.path.realpath(sys.executable)); print(os.path.realpath(sys.base_prefix))";
  const std::vector<std::string> lines = split_text(output_of({path, "-I", "-S", "-c", ask}), '\n');
  if (lines.size() < 2 || lines[0].empty()) return error_at(path, -1, "is no Python 3, or does not start");
  return Interpreter{lines[0], below_usr(lines[1]) ? "" : lines[1]};
}

void add_folder(RootPlan& plan, const fs::path& folder) {
  fs::path whole = "/";
  for (const fs::path& part : folder.relative_path()) {
    whole /= part;
    if (std::find(plan.folders.begin(), plan.folders.end(), whole.string()) == plan.folders.end()) plan.folders.push_back(whole.string());
  }
}

void show(RootPlan& plan, const std::string& path, bool file, bool device) {
  if (!fs::exists(path)) return;
  add_folder(plan, file || device ? fs::path(path).parent_path() : fs::path(path));
  plan.shown.push_back({path, file, device});
}

// The dynamic linker that a program asks for.
std::string linker_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  Elf64_Ehdr header{};
  if (!file.read(reinterpret_cast<char*>(&header), sizeof header) || std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) return {};
  for (int i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr part{};
    file.seekg(static_cast<std::streamoff>(header.e_phoff) + i * std::streamoff{sizeof part});
    if (!file.read(reinterpret_cast<char*>(&part), sizeof part)) return {};
    if (part.p_type != PT_INTERP || part.p_filesz < 2 || part.p_filesz > 4096) continue;
    std::string name(part.p_filesz - 1, '\0');
    file.seekg(static_cast<std::streamoff>(part.p_offset));
    return file.read(name.data(), static_cast<std::streamsize>(name.size())) ? name : std::string();
  }
  return {};
}

}  // namespace

Result<Interpreter> find_interpreter(const std::string& given) {
  if (!given.empty()) return interpreter_at(given);
  std::vector<std::string> candidates = {"/usr/bin/python3", "/usr/local/bin/python3"};
  for (const std::string& folder : split_text(environment("PATH"), ':'))
    if (!folder.empty()) candidates.push_back(folder + "/python3");
  for (const std::string& candidate : candidates)
    if (Result<Interpreter> found = interpreter_at(candidate); found.ok()) return found;
  return error("no Python 3 on this machine, so programs cannot be run; mend: install python3 (Debian: sudo apt-get install python3)");
}

RootPlan make_root_plan(const Interpreter& interpreter) {
  RootPlan plan;
  plan.size_option = "size=1m,nr_inodes=256,mode=0755";
  for (const char* folder : {"/usr", "/dev", "/etc", kWorkFolder}) add_folder(plan, folder);
  plan.shown.push_back({"/usr", false, false});
  for (const char* name : {"/lib", "/lib64", "/lib32", "/libx32"}) {
    std::error_code code;
    if (fs::is_symlink(name, code)) plan.links.emplace_back(name, fs::read_symlink(name, code).string());
    else if (fs::is_directory(name, code)) show(plan, name, false, false);
  }
  if (!interpreter.prefix.empty()) show(plan, interpreter.prefix, false, false);
  const bool shown = below_usr(interpreter.path) || (!interpreter.prefix.empty() && interpreter.path.starts_with(interpreter.prefix + "/"));
  if (!shown) show(plan, interpreter.path, true, false);
  show(plan, "/etc/ld.so.cache", true, false);
  for (const char* device : {"/dev/null", "/dev/zero", "/dev/urandom"}) show(plan, device, true, true);
  plan.executables = {interpreter.path};
  if (std::string linker = linker_of(interpreter.path); !linker.empty()) plan.executables.push_back(std::move(linker));
  return plan;
}

}  // namespace lathe::sandbox
