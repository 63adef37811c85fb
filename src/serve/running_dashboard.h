// Where the live pages of training runs on this machine are. Each of them leaves its address in a folder, under a lock that the kernel
// releases when its process dies, however it dies; other programs (lathe serve) read it there.
#pragma once

#include <string>

#include "core/file.h"
#include "core/folder_lock.h"
#include "core/result.h"

namespace lathe::serve {

inline constexpr const char* kDashboardNotices = "dashboards";  // the folder, in the base folder

class DashboardNotice {
 public:
  // `url` ends with the port, which names the notice. What dead processes left in `folder` is removed.
  static Result<DashboardNotice> post(const fs::path& folder, const std::string& url);
  DashboardNotice(DashboardNotice&&) noexcept = default;
  DashboardNotice& operator=(DashboardNotice&&) = delete;
  ~DashboardNotice();  // takes it away

 private:
  DashboardNotice(FolderLock lock, fs::path file) : lock_(std::move(lock)), file_(std::move(file)) {}
  FolderLock lock_;
  fs::path file_;
};

// The address that was posted last by a process that is alive; empty: there is none. Writes nothing.
std::string running_dashboard(const fs::path& folder);

}  // namespace lathe::serve
