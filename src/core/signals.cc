#include "core/signals.h"

#include <unistd.h>

#include <atomic>

#include "core/check.h"

namespace lathe {
namespace {

std::atomic<int> received{0};
std::atomic<bool> alive{false};
static_assert(std::atomic<int>::is_always_lock_free, "a signal handler may only touch lock-free atomics");

void on_signal(int number) {
  if (received.exchange(number) != 0) _exit(128 + number);
}

}  // namespace

StopSignals::StopSignals() {
  require(!alive.exchange(true), "[stop_signals] only one instance may live at a time");
  struct sigaction action {};
  action.sa_handler = on_signal;
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART;  // a half-done read or write goes on; the loop looks at the flag between steps
  sigaction(SIGINT, &action, &former_int_);
  sigaction(SIGTERM, &action, &former_term_);
}

StopSignals::~StopSignals() {
  sigaction(SIGINT, &former_int_, nullptr);
  sigaction(SIGTERM, &former_term_, nullptr);
  received = 0;
  alive = false;
}

bool StopSignals::requested() { return received != 0; }
int StopSignals::signal_number() { return received; }
void StopSignals::forget() { received = 0; }

}  // namespace lathe
