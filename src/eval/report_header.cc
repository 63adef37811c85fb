#include "eval/report_header.h"

#include <algorithm>
#include <vector>

#include "core/machine.h"
#include "core/probe.h"
#include "core/text.h"

namespace lathe::eval {
namespace {

constexpr const char* kStarted = "Run started: ";
constexpr const char* kSources = "### Size of the sources\n";

std::optional<std::string> git(const fs::path& folder, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"git", "-C", folder.string()});
  return probe(arguments);
}

std::string git_facts(const fs::path& folder) {
  const auto word = [&](std::vector<std::string> arguments) {
    const std::string out = git(folder, std::move(arguments)).value_or("");
    return out.empty() ? std::string("unknown") : out;
  };
  const bool dirty = !git(folder, {"status", "--porcelain"}).value_or("").empty();
  const std::string message = split_text(git(folder, {"log", "-1", "--pretty=%s"}).value_or(""), '\n')[0].substr(0, 80);
  return join_text("### Git\n- Branch: ", word({"rev-parse", "--abbrev-ref", "HEAD"}), "\n- Commit: ", word({"rev-parse", "--short", "HEAD"}),
                   dirty ? " (dirty)" : " (clean)", "\n- Message: ", repair_utf8(message), "\n\n");
}

struct Gpus {
  std::vector<std::string> names;
  double memory_gib = 0;
  std::string driver;
};

Gpus find_gpus() {
  Gpus gpus;
  const auto out = probe({"nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader,nounits"});
  for (const std::string& line : split_text(out.value_or(""), '\n')) {
    const std::vector<std::string> cells = split_text(line, ',');
    if (cells.size() != 3) continue;
    gpus.names.emplace_back(trim_text(cells[0]));
    gpus.memory_gib += std::strtod(cells[1].c_str(), nullptr) / 1024;
    gpus.driver = std::string(trim_text(cells[2]));
  }
  return gpus;
}

std::string hardware_facts() {
  const Machine machine = read_machine();
  std::string out = join_text("### Hardware\n- Platform: ", probe({"uname", "-s"}).value_or("unknown"), "\n- CPU: ", machine.cpu_model,
                              "\n- CPUs: ", machine.logical_cpus, " logical\n- Memory: ",
                              format_text("%.1f GB", static_cast<double>(machine.memory_bytes) / (1 << 30)), "\n");
  const Gpus gpus = find_gpus();
  if (gpus.names.empty()) return out + "- GPUs: None available\n\n";
  const auto count = static_cast<int64_t>(gpus.names.size());
  return out + join_text("- GPUs: ", count, "x ", gpus.names[0], "\n- GPU memory: ", format_text("%.1f GB", gpus.memory_gib),
                         "\n- GPU driver: ", gpus.driver, "\n- Hourly rate: ",
                         format_text("$%.2f/hour", gpu_dollars_per_hour(gpus.names[0], count)), "\n\n");
}

std::string software_facts(const std::string& version) {
  std::string out = "### Software\n";
  for (const std::string& line : split_text(trim_text(version), '\n')) out += "- " + line + "\n";
  return out + "\n";
}

std::string source_facts(const fs::path& folder) {
  static const std::vector<std::string> kEndings = {".cc", ".h", ".cu", ".cmake", ".md", ".html", ".js", ".css", ".sh", ".py", ".txt"};
  int64_t files = 0, lines = 0, characters = 0;
  const std::string top = git(folder, {"rev-parse", "--show-toplevel"}).value_or("");
  if (top.empty()) return join_text(kSources, "- Files: unknown\n\n");
  for (const std::string& name : split_text(git(top, {"ls-files", "-z"}).value_or(""), '\0')) {
    const fs::path path(name);
    if (name.empty() || std::find(kEndings.begin(), kEndings.end(), path.extension().string()) == kEndings.end()) continue;
    const Result<std::string> text = read_file(fs::path(top) / path);
    if (!text.ok()) continue;
    ++files;
    lines += std::count(text.value().begin(), text.value().end(), '\n');
    characters += count_code_points(repair_utf8(text.value()));
  }
  return join_text(kSources, "- Characters: ", with_thousands(characters), "\n- Lines: ", with_thousands(lines), "\n- Files: ",
                   with_thousands(files), "\n- Tokens (about): ", with_thousands(characters / 4), "\n\n");
}

}  // namespace

double gpu_dollars_per_hour(const std::string& name, int64_t count) {
  double each = 2;
  if (name.find("H100") != std::string::npos)
    each = 3;
  else if (name.find("A100") != std::string::npos)
    each = 1.79;
  else if (name.find("V100") != std::string::npos)
    each = 0.55;
  return each * static_cast<double>(count);
}

std::string report_header(const fs::path& folder, const std::string& version, const Clock& clock) {
  const std::string now = clock.local_time();
  return join_text("# lathe report\n\nGenerated: ", now, "\n\n## Environment\n\n", git_facts(folder), hardware_facts(),
                   software_facts(version), source_facts(folder), kStarted, now, "\n\n---\n\n");
}

std::string run_started_of(const std::string& header) {
  for (const std::string& line : split_text(header, '\n'))
    if (line.starts_with(kStarted)) return std::string(trim_text(line.substr(std::string(kStarted).size())));
  return "";
}

std::string sources_block_of(const std::string& header) {
  const size_t begin = header.find(kSources);
  if (begin == std::string::npos) return "";
  return header.substr(begin, header.find("\n\n", begin) - begin) + "\n";
}

}  // namespace lathe::eval
