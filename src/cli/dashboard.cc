// lathe dashboard: the page of a training run from its folder, finished or under way in another process.
#include <sys/stat.h>

#include <chrono>
#include <fstream>
#include <thread>

#include "cli/verbs.h"
#include "core/log.h"
#include "core/signals.h"
#include "serve/dashboard.h"

namespace lathe::cli {
namespace {

// The whole lines that came to a file since the last look. A file that was replaced or cut (a resumed run) is read anew.
class GrowingFile {
 public:
  explicit GrowingFile(fs::path path) : path_(std::move(path)) {}

  Result<std::vector<std::string>> new_lines() {
    struct stat now {};
    if (::stat(path_.c_str(), &now) != 0) return error_at(path_.string(), -1, "there is no such file; give the folder that a training run saves to");
    if (now.st_ino != inode_ || now.st_size < offset_) offset_ = 0;
    inode_ = now.st_ino;
    std::vector<std::string> lines;
    std::ifstream file(path_, std::ios::binary);
    file.seekg(offset_);
    for (std::string line; std::getline(file, line) && !file.eof(); lines.push_back(line)) offset_ += static_cast<std::streamoff>(line.size()) + 1;
    return lines;
  }

 private:
  fs::path path_;
  ino_t inode_ = 0;
  std::streamoff offset_ = 0;
};

class DashboardVerb : public Verb {
 public:
  VerbInfo info() const override {
    return {"dashboard", "judge", "the page of a training run from its folder", "lathe dashboard ~/.cache/lathe/base_checkpoints/d6", "RUN_DIR", 1, 1};
  }
  void describe(SettingsTable& table) override {
    table.group("server");
    table.add("port", &port_, "0: a free one").short_flag = 'p';
  }
  Result<Exit> run(Context& context) override;

 private:
  int64_t port_ = 8080;
};

Result<Exit> DashboardVerb::run(Context& context) {
  const fs::path folder = context.operands().at(0);
  GrowingFile file(folder / "metrics.jsonl");
  LATHE_TRY(std::vector<std::string> lines, file.new_lines());
  serve::DashboardOptions options;
  options.port = static_cast<int>(std::clamp<int64_t>(port_, -1, 65536));
  options.run["name"] = fs::absolute(folder).lexically_normal().filename().string();
  options.run["recorded"] = true;
  if (!lines.empty()) {
    const Result<Json> first = parse_json(lines[0]);
    const Json* run = first.ok() ? first.value().find("run") : nullptr;
    if (run != nullptr && run->is_object())
      for (const auto& [key, value] : run->as_object()) options.run[key] = value;
  }
  LATHE_TRY(const fs::path base, context.base_folder());
  options.notices = base / serve::kDashboardNotices;
  LATHE_TRY(const std::unique_ptr<serve::Dashboard> dashboard, serve::Dashboard::open(options));
  const StopSignals signals;
  context.print("Open ", dashboard->url(), " in a browser; Ctrl-C stops the server");
  while (!StopSignals::requested()) {
    for (const std::string& line : lines) {
      Result<Json> row = parse_json(line);
      if (!row.ok() || !row.value().is_object() || !row.value().contains("step")) continue;
      dashboard->push(row.value().get_int("step", 0), row.value());
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    Result<std::vector<std::string>> more = file.new_lines();  // the file may be gone for the moment
    lines = more.ok() ? std::move(more).value() : std::vector<std::string>();
  }
  return Exit::kDone;
}

}  // namespace

std::unique_ptr<Verb> make_dashboard() { return std::make_unique<DashboardVerb>(); }

}  // namespace lathe::cli
