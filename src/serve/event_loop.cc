#include "serve/event_loop.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <utility>

namespace lathe::serve {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

std::chrono::milliseconds milliseconds(double seconds) {
  return std::chrono::milliseconds(static_cast<int64_t>(seconds * 1000));
}

class AsioWatch : public Watch {
 public:
  AsioWatch(asio::io_context& io, int descriptor) : descriptor_(io, descriptor) {}
  ~AsioWatch() override { descriptor_.release(); }
  void wait_readable(std::shared_ptr<Watched> watched) override {
    descriptor_.async_wait(asio::posix::stream_descriptor::wait_read, [watched = std::move(watched)](error_code e) {
      if (!e) watched->on_readable();
    });
  }
  void wait_writable(std::shared_ptr<Watched> watched) override {
    descriptor_.async_wait(asio::posix::stream_descriptor::wait_write, [watched = std::move(watched)](error_code e) {
      if (!e) watched->on_writable();
    });
  }

 private:
  asio::posix::stream_descriptor descriptor_;
};

}  // namespace

struct EventLoop::Impl {
  // Without the hint for one thread: with it, what this thread posts waits behind later posts of other threads, and calls
  // would change their order.
  asio::io_context io;
  asio::executor_work_guard<asio::io_context::executor_type> work{io.get_executor()};
  asio::steady_timer ticks{io}, once{io};

  void tick(double seconds, std::shared_ptr<std::function<void()>> call) {
    ticks.expires_after(milliseconds(seconds));
    ticks.async_wait([this, seconds, call = std::move(call)](error_code e) {
      if (e) return;
      (*call)();
      tick(seconds, call);
    });
  }
};

EventLoop::EventLoop() : impl_(std::make_unique<Impl>()) {}
EventLoop::~EventLoop() = default;

std::unique_ptr<Watch> EventLoop::watch(int descriptor) { return std::make_unique<AsioWatch>(impl_->io, descriptor); }

void EventLoop::post(std::function<void()> call) { asio::post(impl_->io, std::move(call)); }

void EventLoop::every(double seconds, std::function<void()> call) {
  impl_->tick(seconds, std::make_shared<std::function<void()>>(std::move(call)));
}

void EventLoop::after(double seconds, std::function<void()> call) {
  impl_->once.expires_after(milliseconds(seconds));
  impl_->once.async_wait([call = std::move(call)](error_code e) {
    if (!e) call();
  });
}

void EventLoop::run() { impl_->io.run(); }
void EventLoop::stop() { impl_->io.stop(); }

}  // namespace lathe::serve
