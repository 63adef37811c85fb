// Stopping on request: while a StopSignals lives, the first SIGINT or SIGTERM only sets a flag, so that the loop can
// finish its step and save; a second one leaves at once with status 128 + signal. Files are written atomically, so
// nothing is torn. Without one the signals end the process as usual. At most one instance lives at a time.
#pragma once

#include <csignal>

namespace lathe {

class StopSignals {
 public:
  StopSignals();
  ~StopSignals();  // the former handlers are back, the flag is cleared
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  static bool requested();
  static int signal_number();  // 0 before any
  static void forget();        // what was requested has been done, and the program goes on: the next signal is a first one again

 private:
  struct sigaction former_int_ {};
  struct sigaction former_term_ {};
};

}  // namespace lathe
