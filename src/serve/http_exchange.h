// The handler's side of an answer: calls from any thread are collected and carried to the connection's thread in order.
#pragma once

#include <cstdint>
#include <memory>

#include "serve/http_message.h"

namespace lathe::serve {

class Connection;
class EventLoop;

// Calls after the loop has gone are dropped.
std::shared_ptr<Exchange> make_exchange(std::shared_ptr<Connection> connection, const std::shared_ptr<EventLoop>& loop, uint64_t request);

}  // namespace lathe::serve
