#include "serve/http_exchange.h"

#include <mutex>
#include <utility>
#include <vector>

#include "serve/event_loop.h"
#include "serve/http_connection.h"

namespace lathe::serve {
namespace {

struct Letter {
  enum class Kind { kRespond, kBegin, kSend, kFinish, kAbandon, kNote };
  Kind kind;
  HttpResponse response;
  std::string text;
  int64_t value = 0;
};

class Mailbox : public std::enable_shared_from_this<Mailbox> {
 public:
  Mailbox(std::shared_ptr<Connection> connection, const std::shared_ptr<EventLoop>& loop, uint64_t request)
      : connection_(std::move(connection)), loop_(loop), request_(request) {}

  bool is_gone() const { return connection_->gone; }

  void put(Letter letter) {
    {
      const std::lock_guard lock(mutex_);
      letters_.push_back(std::move(letter));
      if (std::exchange(called_, true)) return;
    }
    if (const auto loop = loop_.lock()) loop->post([self = shared_from_this()] { self->deliver(); });
  }

 private:
  void deliver() {
    std::vector<Letter> letters;
    {
      const std::lock_guard lock(mutex_);
      letters.swap(letters_);
      called_ = false;
    }
    for (const Letter& letter : letters) {
      switch (letter.kind) {
        case Letter::Kind::kRespond:
          connection_->respond(request_, letter.response);
          break;
        case Letter::Kind::kBegin:
          connection_->begin_stream(request_, letter.response);
          break;
        case Letter::Kind::kSend:
          connection_->send(request_, letter.text);
          break;
        case Letter::Kind::kFinish:
          connection_->finish(request_);
          break;
        case Letter::Kind::kAbandon:
          connection_->abandon(request_);
          break;
        case Letter::Kind::kNote:
          connection_->note(request_, letter.text, letter.value);
          break;
      }
    }
    connection_->flush();
  }

  const std::shared_ptr<Connection> connection_;
  const std::weak_ptr<EventLoop> loop_;
  const uint64_t request_;
  std::mutex mutex_;
  std::vector<Letter> letters_;
  bool called_ = false;  // the loop has been asked to deliver
};

class ConnectionExchange : public Exchange {
 public:
  explicit ConnectionExchange(std::shared_ptr<Mailbox> box) : box_(std::move(box)) {}
  ~ConnectionExchange() override { box_->put({Letter::Kind::kAbandon, {}, {}, 0}); }
  void respond(HttpResponse response) override { box_->put({Letter::Kind::kRespond, std::move(response), {}, 0}); }
  void begin_stream(HttpResponse head) override { box_->put({Letter::Kind::kBegin, std::move(head), {}, 0}); }
  void send(std::string text) override { box_->put({Letter::Kind::kSend, {}, std::move(text), 0}); }
  void finish() override { box_->put({Letter::Kind::kFinish, {}, {}, 0}); }
  bool is_gone() const override { return box_->is_gone(); }
  void note(std::string name, int64_t value) override { box_->put({Letter::Kind::kNote, {}, std::move(name), value}); }

 private:
  const std::shared_ptr<Mailbox> box_;
};

}  // namespace

std::shared_ptr<Exchange> make_exchange(std::shared_ptr<Connection> connection, const std::shared_ptr<EventLoop>& loop, uint64_t request) {
  return std::make_shared<ConnectionExchange>(std::make_shared<Mailbox>(std::move(connection), loop, request));
}

}  // namespace lathe::serve
