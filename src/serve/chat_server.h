// The whole server behind `lathe serve`: open the port, load the model, attach it, wait for a signal, stop.
#pragma once

#include <memory>
#include <string>

#include "serve/chat_app.h"
#include "serve/http_server.h"

namespace lathe::serve {

struct ChatServerOptions {
  std::string host = "127.0.0.1";
  int port = 8000;
  ChatAppOptions app;  // only_local_names is set by the server
  HttpLimits limits;
};

class ChatServer {
 public:
  // Opens the port and answers /health at once; warns loudly when other machines can reach it.
  static Result<std::unique_ptr<ChatServer>> listen(ChatServerOptions options);
  ~ChatServer();

  void attach(std::unique_ptr<Generator> generator);  // from now on it chats; logs that it is ready and the URL
  std::string url() const;                            // "http://127.0.0.1:8000"
  int port() const { return http_->port(); }
  void stop();  // graceful; also called by the destructor

 private:
  explicit ChatServer(ChatServerOptions options);

  ChatServerOptions options_;
  std::shared_ptr<ChatApp> app_;
  std::unique_ptr<HttpServer> http_;
};

}  // namespace lathe::serve
