#include "serve/running_dashboard.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <utility>
#include <vector>

#include "core/text.h"

namespace lathe::serve {
namespace {

constexpr std::string_view kEnding = ".url";
constexpr std::string_view kLoopback = "http://127.0.0.1:";
constexpr double kLockSeconds = 1;  // a reader that looks whether somebody holds the lock has it for a moment

// FolderLock's file beside "8080" is "8080.lock".
fs::path lock_of(fs::path notice) { return notice.replace_extension(".lock"); }

bool is_held(const fs::path& notice) {
  const int fd = ::open(lock_of(notice).c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool held = ::flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  ::close(fd);
  return held;
}

std::vector<fs::path> notices_in(const fs::path& folder) {
  std::error_code code;
  if (!fs::is_directory(folder, code)) return {};
  Result<std::vector<fs::path>> files = list_files(folder, {std::string(kEnding)}, false);
  return files.ok() ? std::move(files).value() : std::vector<fs::path>();
}

}  // namespace

Result<DashboardNotice> DashboardNotice::post(const fs::path& folder, const std::string& url) {
  LATHE_TRY_STATUS(make_folders(folder));
  std::error_code code;
  for (const fs::path& other : notices_in(folder)) {
    if (is_held(other)) continue;
    fs::remove(other, code);
    fs::remove(lock_of(other), code);
  }
  const fs::path place = folder / url.substr(url.rfind(':') + 1);
  LATHE_TRY(FolderLock lock, FolderLock::wait(place, kLockSeconds));
  fs::path file = place;
  file += kEnding;
  LATHE_TRY_STATUS(write_file_atomic(file, url + "\n"));
  return DashboardNotice(std::move(lock), std::move(file));
}

DashboardNotice::~DashboardNotice() {
  if (!lock_.held()) return;
  std::error_code code;
  fs::remove(file_, code);
}

std::string running_dashboard(const fs::path& folder) {
  std::string newest;
  fs::file_time_type when = fs::file_time_type::min();
  for (const fs::path& notice : notices_in(folder)) {
    std::error_code code;
    const fs::file_time_type written = fs::last_write_time(notice, code);
    if (code || written < when || !is_held(notice)) continue;
    const Result<std::string> text = read_file(notice);
    if (!text.ok() || !text.value().starts_with(kLoopback)) continue;
    newest = std::string(trim_text(text.value()));
    when = written;
  }
  return newest;
}

}  // namespace lathe::serve
