// Clients of a completions server, for measurements: plain sockets, one thread, no library between the figures and the wire. Closed
// loop: every client asks again when it has its answer. Open loop: requests come at random moments (Poisson) whatever the server
// does, and their times count from when they were due.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "bench/http_get.h"
#include "bench/length_distribution.h"
#include "bench/statistics.h"
#include "core/json.h"
#include "core/result.h"

namespace lathe::bench {

struct LoadOptions {
  ServerAddress server;
  std::string model;                 // named in the requests when not empty
  int64_t clients = 8;               // closed loop
  double rate = 0;                   // requests a second; > 0: open loop
  bool together = false;             // closed loop in rounds: all clients ask at the same moment, and wait for the last
  int64_t requests = 0;              // in all; 0: as many as fit into `seconds`
  double seconds = 0;                // no request is begun later; those under way are waited for
  double warm_up_seconds = 0;        // tokens that come earlier, and first tokens and answers of requests that begin earlier, are not measured
  LengthDistribution prompt_tokens = LengthDistribution::fixed(16);
  LengthDistribution new_tokens = LengthDistribution::fixed(64);
  int64_t id_limit = 256;            // prompts are token ids below it
  double kill_share = 0;             // so many requests are cut off by their client in the middle of the answer
  int64_t idle_connections = 0;      // kept open beside the load, after one request each
  double timeout_seconds = 120;      // of one request without a byte
  uint64_t seed = 42;
};

struct LoadFigures {
  int64_t asked = 0, answered = 0, killed = 0;     // measured or not
  std::map<std::string, int64_t> errors;           // "connect", "timeout", "status 503", "cut off", "malformed", "in stream"
  int64_t tokens = 0;                              // of answers, in the measured time
  double seconds = 0;                              // measured
  double tok_per_s = 0;
  Quantiles first_token, between_tokens, whole;    // seconds
  int64_t idle_open = 0, idle_closed = 0;          // at the end; closed by the server in the meantime (opened again)
};
Json to_json(const LoadFigures& figures);

// on_second: called about once a second with the figures so far (without quantiles). Errors: the address, options that contradict
// each other; what single requests suffer is in the figures.
Result<LoadFigures> run_load(const LoadOptions& options, const std::function<bool()>& is_cancelled = {}, const std::function<void(const LoadFigures&)>& on_second = {});

}  // namespace lathe::bench
