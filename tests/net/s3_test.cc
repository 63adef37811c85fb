// s3:// against moto's server (pip install "moto[server]"), found as LATHE_MOTO or moto_server on the PATH.
#include "net/s3.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include <memory>

#include "core/sha256.h"
#include "net/fetch.h"
#include "net/http.h"
#include "net/source.h"
#include "test_server.h"
#include "tests/ref/testing.h"

namespace lathe::net {
namespace {

using testing::take;

std::string find_program(const std::string& name) {
  if (const char* given = std::getenv("LATHE_MOTO"); given != nullptr && fs::exists(given)) return given;
  const char* path = std::getenv("PATH");
  for (const std::string& folder : split_text(path == nullptr ? "" : path, ':'))
    if (fs::exists(fs::path(folder) / name)) return (fs::path(folder) / name).string();
  return "";
}

int free_port() {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), size) != 0 || getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return 0;
  close(fd);
  return ntohs(address.sin_port);
}

class Moto {
 public:
  explicit Moto(const std::string& program) : port_(free_port()) {
    const std::string port = std::to_string(port_);
    child_ = fork();
    if (child_ == 0) {
      setsid();
      const int nowhere = ::open("/dev/null", O_RDWR);
      dup2(nowhere, 1);
      dup2(nowhere, 2);
      execl(program.c_str(), program.c_str(), "-H", "127.0.0.1", "-p", port.c_str(), static_cast<char*>(nullptr));
      _exit(127);
    }
  }
  ~Moto() {
    if (ended_) return;
    kill(-child_, SIGKILL);
    waitpid(child_, nullptr, 0);
  }
  Moto(const Moto&) = delete;
  Moto& operator=(const Moto&) = delete;

  std::string address() const { return "http://127.0.0.1:" + std::to_string(port_); }
  // False at once when it has ended: somebody took the port before it did.
  bool ready() {
    for (int i = 0; i < 1200 && !(ended_ = waitpid(child_, nullptr, WNOHANG) == child_); ++i) {
      const auto text = http_text({address() + "/moto-api/", {}, "", -1, 1, 5, 1});
      if (text.ok() && text.value().reply.status == 200) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    return false;
  }

 private:
  int port_;
  pid_t child_ = -1;
  bool ended_ = false;
};

std::string content_of(size_t bytes) {
  std::string out(bytes, '\0');
  unsigned seed = 7;
  for (char& c : out) c = static_cast<char>((seed = seed * 1664525u + 1013904223u) >> 24);
  return out;
}

// moto takes unsigned plain PUTs.
void put(const std::string& url, const std::string& body) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  const size_t colon = url.rfind(':'), slash = url.find('/', colon);
  address.sin_port = htons(static_cast<uint16_t>(std::stoi(url.substr(colon + 1, slash - colon - 1))));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  const std::string text = "PUT " + url.substr(slash) + " HTTP/1.1\r\nHost: " + url.substr(7, slash - 7) +
                           "\r\nConnection: close\r\nAuthorization: AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"
                           "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  for (size_t at = 0; at < text.size();) {
    const ssize_t count = send(fd, text.data() + at, text.size() - at, MSG_NOSIGNAL);
    ASSERT_GT(count, 0);
    at += static_cast<size_t>(count);
  }
  char answer[4096];
  const ssize_t count = recv(fd, answer, sizeof answer, 0);
  ASSERT_GT(count, 12);
  EXPECT_EQ(std::string(answer + 9, 3), "200") << std::string(answer, static_cast<size_t>(count));
  while (recv(fd, answer, sizeof answer, 0) > 0) {}
  close(fd);
}

TEST(S3, ObjectsAreFetchedListedAndTakenUp) {
  if (!s3_available()) GTEST_SKIP() << "this build has no s3://";
  const std::string program = find_program("moto_server");
  if (program.empty()) GTEST_SKIP() << "no moto_server (pip install \"moto[server]\")";
  auto server = std::make_unique<Moto>(program);
  for (int turn = 0; turn < 5 && !server->ready(); ++turn) server = std::make_unique<Moto>(program);
  Moto& moto = *server;
  ASSERT_TRUE(moto.ready());
  setenv("AWS_ACCESS_KEY_ID", "test", 1);
  setenv("AWS_SECRET_ACCESS_KEY", "test", 1);
  setenv("AWS_ENDPOINT_URL", moto.address().c_str(), 1);
  setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
  const std::string content = content_of(20'000'000);
  put(moto.address() + "/bucket", "");
  put(moto.address() + "/bucket/folder/a.bin", content);
  put(moto.address() + "/bucket/folder/deep/b.txt", "beta");
  TemporaryFolder folder;
  FetchOptions options;
  options.sleep = [](double) {};
  options.attempts = 2;

  const Fetched whole = take(fetch_file({"s3://bucket/folder/a.bin", folder.path() / "a", -1, "", {}}, options));
  EXPECT_EQ(whole.sha256, sha256_hex(content));

  const auto listed = take(list_source("s3://bucket/folder/", options));
  ASSERT_EQ(listed.size(), 2u);
  EXPECT_EQ(listed[0].name, "a.bin");
  EXPECT_EQ(listed[0].bytes, 20'000'000);
  EXPECT_EQ(listed[1].url, "s3://bucket/folder/deep/b.txt");
  EXPECT_EQ(take(list_source("s3://bucket/folder/*.bin", options)).size(), 1u);

  // The beginning of an earlier run is taken up; of an object that was replaced since then, it is not.
  Version version;
  struct Keep : Receiver {
    Version& version;
    explicit Keep(Version& v) : version(v) {}
    Status begin(int64_t, const Version& v) override {
      version = v;
      return error("enough");
    }
    Status write(std::string_view) override { return {}; }
  } keep(version);
  ASSERT_FALSE(read_s3("s3://bucket/folder/a.bin", 0, {}, keep).ok());
  ASSERT_FALSE(version.etag.empty());
  const auto leave_parts = [&] {
    Json state = Json::object();
    state["url"] = "s3://bucket/folder/a.bin";
    state["etag"] = version.etag;
    state["bytes"] = version.bytes;
    testing::check(write_json_atomic(folder.path() / "c.part.json", state));
    testing::check(write_file_atomic(folder.path() / "c.part", content.substr(0, 9'000'000)));
  };
  leave_parts();
  const Fetched rest = take(fetch_file({"s3://bucket/folder/a.bin", folder.path() / "c", -1, "", {}}, options));
  EXPECT_EQ(rest.resumed_at, 9'000'000);
  EXPECT_EQ(rest.sha256, sha256_hex(content));
  fs::remove(folder.path() / "c");
  leave_parts();
  put(moto.address() + "/bucket/folder/a.bin", "replaced");
  const Fetched replaced = take(fetch_file({"s3://bucket/folder/a.bin", folder.path() / "c", -1, "", {}}, options));
  EXPECT_EQ(replaced.resumed_at, 0);
  EXPECT_EQ(take(read_file(folder.path() / "c")), "replaced");

  const auto absent = fetch_file({"s3://bucket/none", folder.path() / "none", -1, "", {}}, options);
  ASSERT_FALSE(absent.ok());
  EXPECT_FALSE(list_source("s3://nobucket/x/", options).ok());
  for (const char* name : {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL", "AWS_EC2_METADATA_DISABLED"}) unsetenv(name);
}

}  // namespace
}  // namespace lathe::net
