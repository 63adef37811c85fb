#include "cli/batch_output.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace lathe::cli {
namespace {

Error failed(const fs::path& path, const char* what) { return error_at(path.string(), -1, what, ": ", std::strerror(errno)); }

Status same_settings(const fs::path& path, const fs::path& record, const Json& settings) {
  const std::string remedy = "; remove " + path.string() + " to begin anew, or name another --output";
  std::error_code code;
  if (!fs::exists(record, code)) return error_at(path.string(), -1, "holds something, but ", record.filename().string(), " does not say what they rest on", remedy);
  LATHE_TRY(const Json before, read_json(record));
  for (const Json::Member& member : settings.as_object()) {
    const Json* held = before.find(member.first);
    if (held == nullptr || !(*held == member.second))
      return error_at(path.string(), -1, "was begun with other settings: ", member.first, " was ", held ? held->dump() : "not set", " and is ", member.second.dump(), remedy);
  }
  return {};
}

}  // namespace

Result<BatchOutput> BatchOutput::open(const fs::path& path, const Json& settings) {
  if (!path.parent_path().empty()) LATHE_TRY_STATUS(make_folders(path.parent_path()));
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (fd < 0) return failed(path, "cannot be opened");
  BatchOutput output(path, fd);
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) return error_at(path.string(), -1, "is being written by another process");
  off_t whole = 0, at = 0;
  std::string buffer(1 << 20, '\0');
  for (;;) {
    const ssize_t got = ::pread(fd, buffer.data(), buffer.size(), at);
    if (got < 0) return failed(path, "cannot be read");
    if (got == 0) break;
    const std::string_view part(buffer.data(), static_cast<size_t>(got));
    output.lines_ += std::count(part.begin(), part.end(), '\n');
    if (const size_t end = part.rfind('\n'); end != std::string_view::npos) whole = at + static_cast<off_t>(end) + 1;
    at += got;
  }
  const fs::path record = path.string() + ".settings.json";
  if (at > 0) LATHE_TRY_STATUS(same_settings(path, record, settings));  // a torn first line too has settings beside it
  if (ftruncate(fd, whole) != 0) return failed(path, "cannot be cut to its last whole line");
  if (at == 0) LATHE_TRY_STATUS(write_json_atomic(record, settings));
  return output;
}

BatchOutput::~BatchOutput() {
  if (fd_ >= 0) ::close(fd_);
}

Status BatchOutput::write(std::string_view line) {
  const std::string text = std::string(line) + "\n";
  for (size_t done = 0; done < text.size();) {
    const ssize_t written = ::write(fd_, text.data() + done, text.size() - done);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return failed(path_, "cannot be written; the run can be gone on with once there is room");
    done += static_cast<size_t>(written);
  }
  ++lines_;
  return {};
}

Status BatchOutput::sync() {
  if (fsync(fd_) != 0 && errno != EINVAL) return failed(path_, "cannot be written");
  return {};
}

}  // namespace lathe::cli
