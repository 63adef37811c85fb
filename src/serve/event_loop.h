// One thread that waits for descriptors, clocks and calls from other threads. Boost.Asio behind event_loop.cc.
#pragma once

#include <functional>
#include <memory>

namespace lathe::serve {

// Called on the loop's thread.
class Watched {
 public:
  virtual ~Watched() = default;
  virtual void on_readable() = 0;
  virtual void on_writable() = 0;
};

// Readiness of one descriptor, which it does not own: destroy the watch before the descriptor is closed. The loop's thread.
class Watch {
 public:
  virtual ~Watch() = default;  // what was waited for is not called any more
  // One call each; `watched` is kept alive until then. Not again before that call.
  virtual void wait_readable(std::shared_ptr<Watched> watched) = 0;
  virtual void wait_writable(std::shared_ptr<Watched> watched) = 0;
};

class EventLoop {
 public:
  EventLoop();
  ~EventLoop();
  std::unique_ptr<Watch> watch(int descriptor);
  void post(std::function<void()> call);                      // any thread; in order
  void every(double seconds, std::function<void()> call);     // once, before run()
  void after(double seconds, std::function<void()> call);     // the loop's thread; one at a time, a new one replaces the last
  void run();   // until stop()
  void stop();  // any thread

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace lathe::serve
