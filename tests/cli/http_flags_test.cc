#include "cli/http_flags.h"

#include <cstdlib>
#include <fstream>

#include "core/file.h"
#include "tests/ref/testing.h"

namespace lathe::cli {
namespace {

using lathe::testing::take;

// A command line.
struct Line {
  HttpFlags flags;
  SettingsTable table;
  Line() { describe_http_flags(table, flags); }
  Line(const Line&) = delete;
  Line& with(const std::string& name, const std::string& value) {
    const Status status = table.set_text(name, {value});
    EXPECT_TRUE(status.ok()) << name;
    if (Setting* setting = table.find(name)) setting->given = true;
    return *this;
  }
  HttpSetup setup() { return take(http_setup(flags, table)); }
  std::string refusal() {
    const auto result = http_setup(flags, table);
    return result.ok() ? "" : result.error().to_string();
  }
};

// L-10.6: loopback unless said otherwise.
TEST(HttpFlags, ListenOnLoopbackByDefault) {
  const HttpSetup setup = Line().setup();
  ASSERT_EQ(setup.server.addresses.size(), 1u);
  EXPECT_EQ(setup.server.addresses[0].host, "127.0.0.1");
  EXPECT_EQ(setup.server.addresses[0].port, 8000);
  EXPECT_TRUE(setup.access.only_local_names);
  EXPECT_TRUE(setup.access.keys.empty());
  EXPECT_TRUE(setup.access.cors_origins.empty());
  EXPECT_EQ(setup.server.limits.connections_per_client, 0);
  EXPECT_FALSE(setup.log.prompts);
}

TEST(HttpFlags, OtherHostsAreServedByTheirNameWithALimitForEachClient) {
  const HttpSetup setup = Line().with("host", "0.0.0.0").with("port", "80").setup();
  EXPECT_FALSE(setup.access.only_local_names);
  EXPECT_EQ(setup.server.limits.connections_per_client, 64);
}

TEST(HttpFlags, ASocketIsAloneUnlessAnAddressIsGiven) {
  EXPECT_EQ(Line().with("socket", "/tmp/s").setup().server.addresses.size(), 1u);
  const HttpSetup both = Line().with("socket", "/tmp/s").with("port", "0").setup();
  ASSERT_EQ(both.server.addresses.size(), 2u);
  EXPECT_EQ(both.server.addresses[0].socket_path, "/tmp/s");
  EXPECT_EQ(both.server.addresses[1].host, "127.0.0.1");
}

TEST(HttpFlags, KeysComeFromTheFlagTheFileAndTheEnvironment) {
  TemporaryFolder folder;
  const std::string path = (folder.path() / "keys").string();
  std::ofstream(path) << "alice sk-1\n";
  ::setenv("LATHE_API_KEY", "sk-env", 1);
  EXPECT_EQ(Line().setup().access.keys.at(0).key, "sk-env");
  EXPECT_EQ(Line().with("api_key", "sk-flag").setup().access.keys.at(0).key, "sk-flag") << "the flag wins";
  const auto keys = Line().with("api_key_file", path).setup().access.keys;
  ::unsetenv("LATHE_API_KEY");
  ASSERT_EQ(keys.size(), 2u);
  EXPECT_EQ(keys[0].name, "alice");
  EXPECT_EQ(keys[1].key, "sk-env");
  EXPECT_NE(Line().with("api_key", "two words").refusal().find("api_key"), std::string::npos);
  EXPECT_NE(Line().with("api_key", "").refusal().find("empty"), std::string::npos) << "an empty variable of a script must not open the server";
  EXPECT_NE(Line().with("api_key_file", "/nonexistent/keys").refusal().find("/nonexistent/keys"), std::string::npos);
}

TEST(HttpFlags, WrongValuesNameTheirFlag) {
  const std::pair<const char*, const char*> wrong[] = {{"port", "65536"},  {"port", "-1"},        {"rate_limit", "-1"}, {"max_connections", "0"},
                                                       {"drain_seconds", "-1"}, {"cors_origin", "*"}, {"cors_origin", "localhost"}, {"tls_cert", "a.pem"},
                                                       {"tls_key", "a.key"}};
  for (const auto& [name, value] : wrong) EXPECT_NE(Line().with(name, value).refusal().find(std::string(name).substr(0, 4)), std::string::npos) << name;
}

}  // namespace
}  // namespace lathe::cli
