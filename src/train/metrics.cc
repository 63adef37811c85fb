#include "train/metrics.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>

#include "core/text.h"
#include "train/tensorboard.h"

namespace lathe::train {
namespace {

double wall_time() { return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count(); }

// Appends whole lines; a torn last line (power cut) is dropped when the file is opened again.
class AppendFile {
 public:
  ~AppendFile() {
    if (fd_ >= 0) ::close(fd_);
  }
  Status open(const fs::path& path) {
    if (fd_ >= 0) ::close(fd_);
    path_ = path;
    fd_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (fd_ < 0) return error_at(path.string(), -1, "cannot open for appending: ", std::strerror(errno));
    return {};
  }
  Status append(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t done = ::write(fd_, bytes.data(), bytes.size());
      if (done < 0 && errno == EINTR) continue;
      if (done < 0) return error_at(path_.string(), -1, "cannot write: ", std::strerror(errno));
      bytes.remove_prefix(static_cast<size_t>(done));
    }
    return {};
  }

 private:
  fs::path path_;
  int fd_ = -1;
};

// Keeps the lines of earlier steps. (An event file cannot be cut, a TensorBoard may be reading it: a record in the next file says
// which steps are void.)
Status drop_later_lines(const fs::path& path, int64_t resume_step) {
  std::error_code code;
  if (!fs::exists(path, code)) return {};
  if (resume_step < 0) return write_file_atomic(path, "");
  LATHE_TRY(const std::string text, read_file(path));
  std::string kept;
  for (const std::string& line : split_text(text, '\n')) {
    const Result<Json> row = parse_json(line);
    if (!row.ok() || !row.value().is_object()) continue;
    if (row.value().get_int("step", -1) < resume_step) kept += line + "\n";
  }
  return write_file_atomic(path, kept);
}

}  // namespace

struct Metrics::Files {
  fs::path run;
  AppendFile lines, events;
};

Metrics::Metrics(fs::path run) : files_(std::make_unique<Files>()) { files_->run = std::move(run); }
Metrics::~Metrics() = default;

Result<std::unique_ptr<Metrics>> Metrics::open(const fs::path& run, const Json& settings, int64_t resume_step, const Json& facts) {
  std::unique_ptr<Metrics> metrics(new Metrics(run));
  Files& files = *metrics->files_;
  LATHE_TRY_STATUS(make_folders(run / "tensorboard"));
  const double now = wall_time();
  const fs::path events = run / "tensorboard" / format_text("events.out.tfevents.%010lld.lathe.%d", static_cast<long long>(now), static_cast<int>(::getpid()));
  LATHE_TRY_STATUS(files.events.open(events));
  LATHE_TRY_STATUS(files.events.append(tensorboard_header(now)));
  LATHE_TRY_STATUS(metrics->rewind(resume_step));
  if (resume_step >= 0) return metrics;
  Json first = Json::object();
  first["settings"] = settings;
  if (facts.size() > 0) first["run"] = facts;
  LATHE_TRY_STATUS(files.lines.append(first.dump() + "\n"));
  return metrics;
}

Status Metrics::rewind(int64_t step) {
  const fs::path lines = files_->run / "metrics.jsonl";
  LATHE_TRY_STATUS(drop_later_lines(lines, step));
  LATHE_TRY_STATUS(files_->lines.open(lines));
  return files_->events.append(tensorboard_restart(wall_time(), std::max<int64_t>(step, 0)));
}

Status Metrics::log(int64_t step, const Json& values) {
  Json line = Json::object();
  line["step"] = step;
  for (const auto& [key, value] : values.as_object()) line[key] = value;
  LATHE_TRY_STATUS(files_->lines.append(line.dump() + "\n"));
  std::string events;
  const double now = wall_time();
  for (const auto& [key, value] : values.as_object()) {
    if (value.is_number()) events += tensorboard_scalar(now, step, key, static_cast<float>(value.as_double()));
    if (!value.is_array()) continue;
    std::vector<std::string> texts;
    for (const Json& item : value.as_array())
      if (item.is_string()) texts.push_back(item.as_string());
    if (!texts.empty()) events += tensorboard_texts(now, step, key, texts);
  }
  return files_->events.append(events);
}

}  // namespace lathe::train
