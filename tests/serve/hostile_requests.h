// Requests that mean no good, drawn from a seed, each with the statuses that are right for it.
#pragma once

#include <algorithm>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"
#include "core/text.h"

namespace lathe::serve::testing {

struct HostileRequest {
  std::string kind, bytes;
  std::set<int> statuses;  // of the last answer
  int answers = 1;         // answers that come before the server closes or waits
};

class HostileRequests {
 public:
  explicit HostileRequests(uint64_t seed) : random_(seed) {}

  HostileRequest next() {
    switch (below(16)) {
      case 0: return broken_json();
      case 1: return wrong_utf8();
      case 2: return deep();
      case 3: return huge_number();
      case 4: return wrong_header();
      case 5: return smuggled();
      case 6: return wrong_lines();
      case 7: return wrong_chunks();
      case 8: return too_large();
      case 9: return wrong_target();
      case 10: return wrong_path();
      case 11: return wrong_method();
      case 12: return wrong_version();
      case 13: return pipelined();
      case 14: return noise();
      default: return mutated_head();
    }
  }
  size_t below(size_t n) { return static_cast<size_t>(random_() % n); }

  // Bytes as pieces with borders anywhere.
  std::vector<std::string> pieces(const std::string& bytes) {
    std::vector<std::string> out;
    std::set<size_t> borders = {0, bytes.size()};
    for (size_t i = below(4); i > 0; --i) borders.insert(below(bytes.size() + 1));
    for (auto i = borders.begin(); std::next(i) != borders.end(); ++i) out.push_back(bytes.substr(*i, *std::next(i) - *i));
    return out;
  }

 private:
  template <size_t N>
  std::string one_of(const char* const (&choices)[N]) {
    return choices[below(N)];
  }
  std::string random_bytes(size_t n) {
    std::string out(n, '\0');
    for (char& c : out) c = static_cast<char>(random_());
    return out;
  }
  static std::string post(const std::string& body) {
    return join_text("POST /chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: ", body.size(), "\r\n\r\n", body);
  }
  static std::string chat(const std::string& more = "") {
    return R"({"messages": [{"role": "user", "content": "hello"}], "temperature": 0.5, "top_k": 10, "max_tokens": 4)" + more + "}";
  }

  HostileRequest broken_json() {
    std::string body = chat();
    for (size_t i = 1 + below(3); i > 0; --i) {
      const size_t at = below(std::max<size_t>(1, body.size()));
      if (body.empty()) break;
      switch (below(4)) {
        case 0: body[at] = static_cast<char>(random_()); break;
        case 1: body.erase(at, 1 + below(8)); break;
        case 2: body.insert(at, 1, "{}[]\",:\\0"[below(9)]); break;
        default: body.resize(at + 1);
      }
    }
    const bool valid = parse_json(body, "", {100, false, false}).ok();
    return {"broken JSON", post(body), valid ? std::set<int>{200, 400, 422} : std::set<int>{400, 422}};
  }
  HostileRequest wrong_utf8() {
    static constexpr const char* kWrong[] = {"\x80", "\xC0\xAF", "\xE0\x80\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xFF\xFE", "\xC3", "\xF0\x9F\x98"};
    return {"wrong UTF-8", post(R"({"messages": [{"role": "user", "content": "a)" + one_of(kWrong) + R"(b"}]})"), {400, 422}};
  }
  HostileRequest deep() {
    const size_t depth = 200 + below(100000);
    std::string body;
    if (below(2) == 0) {
      body = R"({"messages": )" + std::string(depth, '[');
      if (below(2) == 0) body += std::string(depth, ']') + "}";
    } else {
      for (size_t i = 0; i < depth / 5; ++i) body += R"({"a":)";
    }
    return {"deep nesting", post(body), {400, 422}};
  }
  HostileRequest huge_number() {
    static constexpr const char* kNumbers[] = {"1e999", "-1e999", "99999999999999999999999999", "1e400", "123456789012345678901234567890.5",
                                               "-9223372036854775809", "NaN", "Infinity", "-1", "2.0000001", "0x10", "1e", ".5", "00"};
    static constexpr const char* kFields[] = {"temperature", "top_k", "max_tokens"};
    const std::string field = one_of(kFields), value = below(20) == 0 ? std::string(100000, '9') : one_of(kNumbers);
    return {"number " + field + " " + value.substr(0, 30),
            post(R"({"messages": [{"role": "user", "content": "x"}], ")" + field + "\": " + value + "}"), {400, 422}};
  }
  HostileRequest wrong_header() {
    static constexpr const char* kLines[] = {
        "no colon here", ": no name", "Name : space", "Na me: space", "Name\x01: x", ("X: a\x01" "b"), "(X): y",
        "X\xC3\xA9: y", "Host: other", "X: \x7F", "\"X\": y"};
    return {"wrong header", "GET /health HTTP/1.1\r\nHost: localhost\r\n" + one_of(kLines) + (below(4) == 0 ? std::string(1, '\0') : "") + "\r\n\r\n", {400}};
  }
  HostileRequest smuggled() {
    static constexpr const char* kHeads[] = {
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",  "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        "Content-Length: 5\r\nContent-Length: 6\r\n",           "Content-Length: 5\r\nContent-Length: 5\r\n",
        "Content-Length: 5, 5\r\n",                             "Content-Length: +5\r\n",
        "Content-Length: -5\r\n",                               "Content-Length: 0x5\r\n",
        "Content-Length: 5 5\r\n",                              "Content-Length: \r\n",
        "Content-Length: 99999999999999999999\r\n",             "Content-Length: 5;a=b\r\n",
        "Transfer-Encoding: gzip\r\n",                          "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: chunked, gzip\r\n",                 "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: identity\r\n",                      "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding: chunked, chunked\r\n",              "Transfer-Encoding: \"chunked\"\r\n",
        "Transfer-Encoding : chunked\r\n",                      "Transfer-Encoding:\r\n chunked\r\n",
        "Content-Length: 5\r\nTransfer-Encoding: identity\r\n", "Transfer-Encoding: chunked;q=1\r\n"};
    return {"smuggled", "POST /health HTTP/1.1\r\nHost: localhost\r\n" + one_of(kHeads) + "\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n",
            {400}};
  }
  HostileRequest wrong_lines() {
    static constexpr const char* kWhole[] = {"GET /health HTTP/1.1\nHost: localhost\n\n",
                                             "GET /health HTTP/1.1\r\nHost: localhost\n\r\n",
                                             "GET /health HTTP/1.1\r\nHost: localhost\r\n\n",
                                             "GET /health HTTP/1.1\rHost: localhost\r\r",
                                             "GET /health HTTP/1.1\r\nHost: localhost\r\nX: a\r\n b\r\n\r\n",
                                             "GET /health HTTP/1.1\r\nHost: localhost\r\nX: a\r\n\tb\r\n\r\n",
                                             "GET /health HTTP/1.1\r\n Host: localhost\r\n\r\n",
                                             "\n\n\n",
                                             "\r\r\n\n",
                                             "\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n"};
    return {"wrong lines", one_of(kWhole), {400}};
  }
  HostileRequest wrong_chunks() {
    static constexpr const char* kBodies[] = {"FFFFFFFFFFFFFFFFFFFF\r\n", "7fffffffffffffff\r\nabc",    "100000001\r\nabc", "-1\r\n",
                                              "g\r\n",                    "\r\n\r\n",                   "3\r\nabcd\r\n",   "3\r\nab\r\n0\r\n\r\n",
                                              "3\nabc\n0\n\n",            "3;a\nb\r\nabc\r\n0\r\n\r\n", "0x3\r\nabc\r\n",  "3\r\nabc\r\n0\r\nX y\r\n\r\n",
                                              " 3\r\nabc\r\n",            "3\r\nabcX\n"};
    const std::string head = "POST /chat/completions HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n";
    if (below(10) == 0) return {"endless chunk line", head + "3;" + std::string(40000, 'a'), {400}};
    return {"wrong chunks", head + one_of(kBodies), {400, 413}};
  }
  HostileRequest too_large() {
    static constexpr const char* kHead = "GET /health HTTP/1.1\r\nHost: localhost\r\n";
    switch (below(4)) {
      case 0: return {"long header", kHead + ("X: " + std::string(17000, 'a')) + "\r\n\r\n", {431}};
      case 1: {
        std::string bytes = kHead;
        for (int i = 0; i < 3000; ++i) bytes += "a: b\r\n";
        return {"many headers", bytes + "\r\n", {431}};
      }
      case 2: return {"long target", "GET /" + std::string(20000, 'a') + " HTTP/1.1\r\nHost: localhost\r\n\r\n", {431}};
      default: return {"large body", join_text("POST /chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: ", (int64_t{1} << 20) + 1 + static_cast<int64_t>(below(1000000000)), "\r\n\r\n"), {413}};
    }
  }
  HostileRequest wrong_target() {
    static constexpr const char* kTargets[] = {"health", "", "http://evil.example/health", "http://localhost.evil/health", "https://user@localhost/health", "ftp://localhost/health",
                                               "localhost:80", "//\x01", "/a\xC3\xA9", "/%", "/%4", "/%zz", "/%00", "/%0d%0aX:y", "/%ff", "/%ed%a0%80", "/a#b", "http://", "?", "\\health"};
    return {"wrong target", "GET " + one_of(kTargets) + " HTTP/1.1\r\nHost: localhost\r\n\r\n", {400}};
  }
  HostileRequest wrong_path() {
    static constexpr const char* kPaths[] = {"/..", "/../health", "/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/..%2f..%2fetc%2fpasswd", "/app.js/../../etc/passwd",
                                             "//etc/passwd", "/etc/passwd", "/..\\..\\x", "/health/", "/health%2f", "/HEALTH", "http://localhost/etc/passwd", "/.git/config",
                                             "/%252e%252e/etc/passwd", "/dashboard.html/", "/page/../app.js"};
    return {"wrong path", "GET " + one_of(kPaths) + " HTTP/1.1\r\nHost: localhost\r\n\r\n", {404}};
  }
  HostileRequest wrong_method() {
    static constexpr const char* kMethods[] = {"PUT", "DELETE", "TRACE", "PATCH", "PROPFIND", "get", "POSTT", "BREW", "M-SEARCH"};
    if (below(6) == 0) return {"CONNECT", "CONNECT localhost:443 HTTP/1.1\r\nHost: localhost\r\n\r\n", {400}};
    if (below(6) == 0) return {"a method of no letters", "G\xC3\xA9T /health HTTP/1.1\r\nHost: localhost\r\n\r\n", {400}};
    return {"wrong method", one_of(kMethods) + " /health HTTP/1.1\r\nHost: localhost\r\n\r\n", {405}};
  }
  HostileRequest wrong_version() {
    static constexpr const char* kVersions[] = {"HTTP/2.0", "HTTP/0.9", "HTTP/1.2", "HTTP/9.9"};
    static constexpr const char* kWords[] = {"http/1.1", "HTTP/1", "HTTP/1.1.1", "HTTP/11", "XTTP/1.1", "HTTP/ 1.1", "HTTP/1.1 "};
    if (below(2) == 0) return {"other version", "GET /health " + one_of(kVersions) + "\r\nHost: localhost\r\n\r\n", {505}};
    if (below(4) == 0) return {"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {505}};
    if (below(4) == 0) return {"no Host", "GET /health HTTP/1.1\r\n\r\n", {400}};
    return {"no version", "GET /health " + one_of(kWords) + "\r\nHost: localhost\r\n\r\n", {400}};
  }
  HostileRequest pipelined() {
    const int good = 1 + static_cast<int>(below(4));
    std::string bytes;
    for (int i = 0; i < good; ++i) bytes += "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n";
    HostileRequest last = below(2) == 0 ? smuggled() : wrong_target();
    return {"pipelined " + last.kind, bytes + last.bytes, last.statuses, good + 1};
  }
  // A first byte that no method has, then anything.
  HostileRequest noise() {
    return {"noise", std::string(1, "\x16\x80\xFF\x01 {"[below(6)]) + random_bytes(below(2000)) + "\n", {400}};
  }
  // A request with one byte of its head replaced by one that stands nowhere in a head.
  HostileRequest mutated_head() {
    std::string bytes = "POST /chat/completions?a=b HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 0\r\n\r\n";
    bytes[below(bytes.size() - 1)] = static_cast<char>(1 + below(8));
    return {"mutated head", bytes, {400}};
  }

  std::mt19937_64 random_;
};

}  // namespace lathe::serve::testing
