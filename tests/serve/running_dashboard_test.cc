// Who finds the page of a training run under way.
#include "serve/running_dashboard.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <memory>

#include "serve/dashboard.h"
#include "tests/ref/testing.h"

namespace lathe::serve {
namespace {

using lathe::testing::take;

TEST(RunningDashboard, IsFoundAsLongAsItsProcessShowsIt) {
  TemporaryFolder folder;
  const fs::path notices = folder.path() / "dashboards";
  EXPECT_EQ(running_dashboard(notices), "") << "no such folder";
  DashboardOptions options;
  options.notices = notices;
  std::unique_ptr<Dashboard> first = take(Dashboard::open(options)), second = take(Dashboard::open(options));
  fs::last_write_time(notices / (first->url().substr(17) + ".url"), fs::file_time_type::clock::now() - std::chrono::seconds(9));
  EXPECT_EQ(running_dashboard(notices), second->url()) << "the newest";
  second.reset();
  EXPECT_EQ(running_dashboard(notices), first->url());
  first.reset();
  EXPECT_EQ(running_dashboard(notices), "");
  EXPECT_TRUE(fs::is_empty(notices));
}

TEST(RunningDashboard, OfAKilledProcessIsNotShown) {
  TemporaryFolder folder;
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const auto notice = DashboardNotice::post(folder.path(), "http://127.0.0.1:8080");
    (void)!::write(ready[1], notice.ok() ? "y" : "n", 1);
    for (;;) ::pause();
  }
  char told = 0;
  ASSERT_EQ(::read(ready[0], &told, 1), 1);
  EXPECT_EQ(told, 'y');
  EXPECT_EQ(running_dashboard(folder.path()), "http://127.0.0.1:8080");
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  ::close(ready[0]), ::close(ready[1]);
  EXPECT_EQ(running_dashboard(folder.path()), "");
  EXPECT_TRUE(fs::exists(folder.path() / "8080.url")) << "looking changes nothing";
  const DashboardNotice other = take(DashboardNotice::post(folder.path(), "http://127.0.0.1:9000"));
  EXPECT_FALSE(fs::exists(folder.path() / "8080.url")) << "the next one tidies up";
  EXPECT_FALSE(fs::exists(folder.path() / "8080.lock"));
}

TEST(RunningDashboard, LeadsToThisMachineOnly) {
  TemporaryFolder folder;
  const DashboardNotice notice = take(DashboardNotice::post(folder.path(), "https://elsewhere.example:8080"));
  EXPECT_EQ(running_dashboard(folder.path()), "");
}

}  // namespace
}  // namespace lathe::serve
