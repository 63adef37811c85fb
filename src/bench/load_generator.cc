#include "bench/load_generator.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <memory>

#include "bench/http_get.h"
#include "bench/response_reader.h"
#include "core/clock.h"

namespace lathe::bench {
namespace {

constexpr double kPauseAfterError = 0.1;  // a refused client does not ask again at once
constexpr int64_t kMostConnections = 20000;

// What request number `index` asks: a pure function of seed and index.
struct Asked {
  std::string bytes;
  int64_t kill_after = -1;  // events; -1: not at all
  Asked(const LoadOptions& options, uint64_t index) {
    Rng rng(options.seed, "bench/load", index);
    const int64_t prompt = options.prompt_tokens.draw(rng), answer = options.new_tokens.draw(rng);
    if (rng.chance(options.kill_share)) kill_after = 1 + static_cast<int64_t>(rng.below(static_cast<uint64_t>(answer)));
    std::string body = "{\"prompt\":[";
    for (int64_t i = 0; i < prompt; ++i) body += (i > 0 ? "," : "") + std::to_string(rng.below(static_cast<uint64_t>(options.id_limit)));
    body += "],\"max_tokens\":" + std::to_string(answer) + ",\"temperature\":0,\"ignore_eos\":true,\"stream\":true,\"stream_options\":{\"include_usage\":true}";
    if (!options.model.empty()) body += ",\"model\":" + Json(options.model).dump();
    body += "}";
    bytes = request_head(options.server, "POST", "/v1/completions") + "Content-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  }
};

class Load {
 public:
  Load(const LoadOptions& options, const SocketAddress& address) : options_(options), address_(address), epoll_(epoll_create1(EPOLL_CLOEXEC)), arrivals_(options.seed, "bench/arrivals") {}
  ~Load() {
    for (const auto& client : clients_)
      if (client->fd >= 0) close(client->fd);
    close(epoll_);
  }
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

  LoadFigures run(const std::function<bool()>& is_cancelled, const std::function<void(const LoadFigures&)>& on_second) {
    for (int64_t i = 0; i < options_.idle_connections; ++i) begin_idle(add_client(true));
    start_ = next_arrival_ = last_end_ = now();
    if (options_.rate <= 0)
      for (int64_t i = 0; i < options_.clients; ++i) add_client(false)->resume_at = start_;
    double told = start_;
    while (!(is_cancelled && is_cancelled()) && !finished()) {
      begin_due();
      std::vector<epoll_event> events(256);
      const int count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), wait_milliseconds());
      for (int i = 0; i < count; ++i) serve(*static_cast<Client*>(events[static_cast<size_t>(i)].data.ptr));
      if (now() - last_sweep_ > 0.25) sweep();
      if (on_second && now() - told >= 1) {
        told = now();
        on_second(figures(false));
      }
    }
    return figures(true);
  }

 private:
  enum class State { kResting, kConnecting, kSending, kReading };
  struct Client {
    int fd = -1;
    bool idle = false;        // one of the connections that only stand there
    State state = State::kResting;
    std::string out;
    ResponseReader reader;
    double due = 0, last_byte = 0, last_event = 0;
    double resume_at = -1;    // when a resting client asks; -1: when it is told to
    int64_t events = 0, kill_after = -1, tokens = 0;
    double first = 0;
    bool done_seen = false;
    std::string problem;
    std::vector<double> gaps;
  };

  static double now() { return Clock::real().seconds(); }
  double measured_from() const { return start_ + options_.warm_up_seconds; }
  double last_begin() const { return options_.seconds > 0 ? start_ + options_.seconds : 1e300; }
  bool may_begin() const { return (options_.requests == 0 || figures_.asked < options_.requests) && now() < last_begin(); }
  bool finished() const { return !may_begin() && active_ == 0; }

  Client* add_client(bool idle) {
    clients_.push_back(std::make_unique<Client>());
    clients_.back()->idle = idle;
    return clients_.back().get();
  }

  int wait_milliseconds() const {
    double next = now() + 0.25;
    if (options_.rate > 0 && may_begin()) next = std::min(next, next_arrival_);
    // Who rests until others are done, or for good, is not waited for: a loop that spins takes a core from the server.
    if (options_.rate <= 0 && may_begin() && !(options_.together && active_ > 0))
      for (const auto& client : clients_)
        if (!client->idle && client->state == State::kResting && client->resume_at >= 0) next = std::min(next, client->resume_at);
    return static_cast<int>(std::clamp((next - now()) * 1000 + 0.999, 0.0, 250.0));
  }

  void begin_due() {
    if (options_.rate > 0) {
      while (may_begin() && next_arrival_ <= now()) {
        Client* free = nullptr;
        for (const auto& client : clients_)
          if (!client->idle && client->state == State::kResting) free = client.get();
        if (free == nullptr && static_cast<int64_t>(clients_.size()) < kMostConnections) free = add_client(false);
        if (free == nullptr) return;
        ask(*free, next_arrival_);
        next_arrival_ += -std::log1p(-arrivals_.uniform()) / options_.rate;
      }
      return;
    }
    if (options_.together && active_ > 0) return;
    for (const auto& client : clients_)
      if (!client->idle && client->state == State::kResting && client->resume_at >= 0 && client->resume_at <= now() && may_begin()) ask(*client, now());
  }

  void ask(Client& client, double due) {
    const Asked asked(options_, static_cast<uint64_t>(figures_.asked++));
    client.out = asked.bytes;
    client.kill_after = asked.kill_after;
    client.due = due;
    ++active_;
    begin(client);
  }
  void begin_idle(Client* client) {
    client->out = request_head(options_.server, "GET", "/health") + "\r\n";
    begin(*client);
  }

  void begin(Client& client) {
    client.reader.reset();
    client.events = client.tokens = 0;
    client.done_seen = false;
    client.problem.clear();
    client.gaps.clear();
    client.last_byte = now();
    client.resume_at = -1;
    if (client.fd >= 0) {
      client.state = State::kSending;
      send_rest(client);
      return;
    }
    client.fd = socket(address_.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const int on = 1;
    if (client.fd >= 0) setsockopt(client.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    event.data.ptr = &client;
    if (client.fd < 0 || (connect(client.fd, reinterpret_cast<const sockaddr*>(&address_.storage), address_.length) != 0 && errno != EINPROGRESS) ||
        epoll_ctl(epoll_, EPOLL_CTL_ADD, client.fd, &event) != 0) {
      end(client, "connect", true);
      return;
    }
    client.state = State::kConnecting;
  }

  void send_rest(Client& client) {
    while (!client.out.empty()) {
      const ssize_t sent = send(client.fd, client.out.data(), client.out.size(), MSG_NOSIGNAL);
      if (sent < 0 && errno == EINTR) continue;
      if (sent < 0 && errno == EAGAIN) return;
      if (sent < 0) {
        end(client, "cut off", true);
        return;
      }
      client.out.erase(0, static_cast<size_t>(sent));
    }
    client.state = State::kReading;
  }

  void serve(Client& client) {
    if (client.fd < 0) return;
    if (client.state == State::kConnecting) {
      int code = 0;
      socklen_t length = sizeof code;
      getsockopt(client.fd, SOL_SOCKET, SO_ERROR, &code, &length);
      sockaddr_storage peer{};
      socklen_t peer_length = sizeof peer;
      if (code != 0) return end(client, "connect", true);
      if (getpeername(client.fd, reinterpret_cast<sockaddr*>(&peer), &peer_length) != 0) return;  // not yet
      client.state = State::kSending;
    }
    if (client.state == State::kSending) send_rest(client);
    if (client.fd < 0) return;
    char bytes[16384];
    for (;;) {
      const ssize_t got = recv(client.fd, bytes, sizeof bytes, 0);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0 && errno == EAGAIN) return;
      if (client.state == State::kResting) {  // the server closes a connection that nobody uses, or speaks unasked
        if (client.idle) ++figures_.idle_closed;
        drop(client);
        if (client.idle && active_ > 0) begin_idle(&client);
        return;
      }
      if (got <= 0) {
        client.reader.end();
        return end(client, got == 0 && client.reader.state() == ResponseReader::State::kWhole ? "" : "cut off", true);
      }
      client.last_byte = now();
      client.reader.feed({bytes, static_cast<size_t>(got)});
      if (client.reader.is_event_stream() && client.reader.status() == 200) {
        for (const std::string& event : client.reader.take_events()) take_event(client, event);
        if (client.kill_after >= 0 && client.events >= client.kill_after) {
          ++figures_.killed;
          return end(client, "killed", true);
        }
      }
      if (client.reader.state() == ResponseReader::State::kMalformed) return end(client, "malformed", true);
      if (client.reader.state() == ResponseReader::State::kWhole) return end(client, "", !client.reader.keeps_alive());
    }
  }

  void take_event(Client& client, const std::string& data) {
    if (data == "[DONE]") {
      client.done_seen = true;
      return;
    }
    const Result<Json> json = parse_json(data);
    if (!json.ok() || !json.value().is_object()) {
      client.problem = "malformed";
      return;
    }
    if (json.value().contains("error")) client.problem = "in stream";
    if (const Json* usage = json.value().find("usage"); usage != nullptr && usage->is_object()) client.tokens = usage->get_int("completion_tokens", 0);
    const Json* choices = json.value().find("choices");
    if (choices == nullptr || !choices->is_array() || choices->size() == 0 || choices->at(size_t{0}).get_string("text", "").empty()) return;
    const double when = now();
    if (client.events++ == 0) client.first = when;
    else if (client.last_event >= measured_from()) client.gaps.push_back(when - client.last_event);
    client.last_event = when;
    if (when >= measured_from() && when < last_begin()) ++measured_events_;
  }

  // kind: of the error; empty: none so far.
  void end(Client& client, std::string kind, bool disconnect) {
    if (disconnect) drop(client);
    client.state = State::kResting;
    if (client.idle) {
      if (!kind.empty()) ++figures_.errors["idle: " + kind];
      return;
    }
    --active_;
    last_end_ = now();
    if (kind.empty() && client.reader.status() != 200) kind = join_text("status ", client.reader.status());
    if (kind.empty()) kind = client.problem;
    if (kind.empty() && !client.done_seen) kind = "cut off";
    client.resume_at = kind.empty() || kind == "killed" ? 0 : now() + kPauseAfterError;
    if (kind == "killed") return;
    if (!kind.empty()) {
      ++figures_.errors[kind];
      return;
    }
    ++figures_.answered;
    all_events_ += client.events;
    all_tokens_ += client.tokens;
    between_.insert(between_.end(), client.gaps.begin(), client.gaps.end());
    if (client.due < measured_from() || client.events == 0) return;
    first_.push_back(client.first - client.due);
    whole_.push_back(last_end_ - client.due);
  }

  void drop(Client& client) {
    if (client.fd >= 0) close(client.fd);
    client.fd = -1;
    client.state = State::kResting;
  }

  void sweep() {
    last_sweep_ = now();
    for (const auto& client : clients_)
      if (client->state != State::kResting && now() - client->last_byte > options_.timeout_seconds) end(*client, "timeout", true);
  }

  LoadFigures figures(bool last) const {
    LoadFigures out = figures_;
    const double until = options_.seconds > 0 ? std::min(last_begin(), now()) : last ? last_end_ : now();
    out.seconds = std::max(until - measured_from(), 0.0);
    // A server may put several tokens into one event where one alone is no whole character.
    const double tokens_of_event = all_events_ > 0 && all_tokens_ > 0 ? static_cast<double>(all_tokens_) / static_cast<double>(all_events_) : 1;
    out.tokens = std::llround(static_cast<double>(measured_events_) * tokens_of_event);
    out.tok_per_s = out.seconds > 0 ? static_cast<double>(out.tokens) / out.seconds : 0;
    for (const auto& client : clients_) out.idle_open += client->idle && client->fd >= 0 && client->state == State::kResting;
    if (!last) return out;
    out.first_token = quantiles_of(first_);
    out.between_tokens = quantiles_of(between_);
    out.whole = quantiles_of(whole_);
    return out;
  }

  const LoadOptions& options_;
  SocketAddress address_;
  int epoll_;
  Rng arrivals_;
  std::vector<std::unique_ptr<Client>> clients_;
  double start_ = 0, next_arrival_ = 0, last_end_ = 0, last_sweep_ = 0;
  int64_t active_ = 0, measured_events_ = 0, all_events_ = 0, all_tokens_ = 0;
  std::vector<double> first_, between_, whole_;
  LoadFigures figures_;
};

Status check(const LoadOptions& options) {
  if (options.requests <= 0 && options.seconds <= 0) return error("a load needs a number of requests or of seconds");
  if (options.rate <= 0 && (options.clients < 1 || options.clients > kMostConnections)) return error("clients must be between 1 and ", kMostConnections);
  if (options.rate > 0 && options.together) return error("requests at a rate do not come together");
  if (options.idle_connections < 0 || options.idle_connections > kMostConnections) return error("idle connections must be between 0 and ", kMostConnections);
  if (!(options.kill_share >= 0 && options.kill_share <= 1)) return error("the share of killed requests must be between 0 and 1");
  if (options.id_limit < 1) return error("prompts need at least one token id");
  if (options.warm_up_seconds < 0 || (options.seconds > 0 && options.warm_up_seconds >= options.seconds)) return error("the warm-up must be shorter than the run");
  return {};
}

}  // namespace

Json to_json(const LoadFigures& figures) {
  Json errors = Json::object();
  for (const auto& entry : figures.errors) errors[entry.first] = entry.second;
  Json out = Json::object();
  out["asked"] = figures.asked;
  out["answered"] = figures.answered;
  out["killed"] = figures.killed;
  out["errors"] = std::move(errors);
  out["tokens"] = figures.tokens;
  out["seconds"] = figures.seconds;
  out["tok_per_s"] = figures.tok_per_s;
  out["first_token"] = to_json(figures.first_token);
  out["between_tokens"] = to_json(figures.between_tokens);
  out["whole_answer"] = to_json(figures.whole);
  out["idle_open"] = figures.idle_open;
  out["idle_closed"] = figures.idle_closed;
  return out;
}

Result<LoadFigures> run_load(const LoadOptions& options, const std::function<bool()>& is_cancelled, const std::function<void(const LoadFigures&)>& on_second) {
  LATHE_TRY_STATUS(check(options));
  LATHE_TRY(const SocketAddress address, find_server(options.server));
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }
  Load load(options, address);
  return load.run(is_cancelled, on_second);
}

}  // namespace lathe::bench
