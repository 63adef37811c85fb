// The report of a run beside the chat page: offered when it is there, behind the key, and unable to do anything.
#include "core/file.h"
#include "tests/serve/api_fixture.h"

namespace lathe::serve {
namespace {

using namespace testing;
using lathe::testing::take;

class ApiReport : public ::testing::Test {
 protected:
  fs::path file() const { return folder_.path() / "report" / "report.html"; }
  ApiServer& server(std::vector<ApiKey> keys = {}) {
    ApiServerOptions options;
    options.router.report = file();
    options.access.keys = std::move(keys);
    server_ = std::make_unique<ApiServer>(std::move(options));
    return *server_;
  }
  static Json info(ApiServer& server, std::string_view headers = "") { return take(parse_json(server.get("/page/info", headers).body)); }

  TemporaryFolder folder_;
  std::unique_ptr<ApiServer> server_;
};

TEST_F(ApiReport, IsOfferedFromTheMomentItIsWritten) {
  ApiServer& server = this->server();
  EXPECT_TRUE(info(server).at("report").is_null());
  EXPECT_EQ(server.get("/report").status, 404);
  lathe::testing::check(write_file_atomic(file(), "<!doctype html><h1>Report</h1>"));
  EXPECT_EQ(info(server).at("report").as_string(), "/report");
  const RawResponse page = server.get("/report");
  EXPECT_EQ(page.status, 200);
  EXPECT_EQ(page.body, "<!doctype html><h1>Report</h1>");
  EXPECT_EQ(page.headers.at("content-type"), "text/html; charset=utf-8");
  EXPECT_EQ(server.post("/report", "{}").status, 405);
  fs::remove(file());
  EXPECT_EQ(server.get("/report").status, 404);
}

// What a model wrote stands in it: nothing there may run, load or send, and only pages of the server may frame it.
TEST_F(ApiReport, CanRunNothing) {
  lathe::testing::check(write_file_atomic(file(), "<script>alert(1)</script>"));
  const RawResponse page = server().get("/report");
  const std::string& policy = page.headers.at("content-security-policy");
  for (const char* part : {"default-src 'none';", "style-src 'unsafe-inline';", "frame-ancestors 'self';", "base-uri 'none';", "form-action 'none';"})
    EXPECT_NE(policy.find(part), std::string::npos) << part;
  EXPECT_TRUE(policy.ends_with("; sandbox")) << policy;
  EXPECT_EQ(policy.find("script-src"), std::string::npos);
  EXPECT_EQ(page.headers.at("x-content-type-options"), "nosniff");
}

TEST_F(ApiReport, NeedsTheKeyOrThePassThatTheKeyGives) {
  lathe::testing::check(write_file_atomic(file(), "<p>secret"));
  ApiServer& server = this->server({{"me", "k1"}});
  constexpr std::string_view kKey = "Authorization: Bearer k1\r\n";
  EXPECT_EQ(server.get("/report").status, 401);
  EXPECT_EQ(server.get("/page/info").status, 401);
  EXPECT_EQ(server.get("/report", kKey).status, 200);
  const std::string address = info(server, kKey).at("report").as_string();  // for a frame, which cannot send a key
  ASSERT_TRUE(address.starts_with("/report?pass=")) << address;
  EXPECT_EQ(address.size(), std::string("/report?pass=").size() + 64);
  EXPECT_EQ(server.get(address).body, "<p>secret");
  EXPECT_EQ(server.get(address + "0").status, 401);
  EXPECT_EQ(server.get("/report?pass=").status, 401);
  EXPECT_EQ(server.get("/v1/models" + address.substr(7)).status, 401) << "the pass opens the report alone";
  EXPECT_EQ(server.post(address, "{}").status, 401);
  server_.reset();
  EXPECT_NE(info(this->server({{"me", "k1"}}), kKey).at("report").as_string(), address) << "each server has its own";
}

}  // namespace
}  // namespace lathe::serve
