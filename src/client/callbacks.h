#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "tombo/client.h"

namespace tombo::client {

/// What the user of a Client wants to be told. Set before connect(), but for those of filters,
/// which any thread may change at any time.
class Callbacks {
 public:
  Client::MessageCallback on_message;
  std::function<void(const Connected&)> on_connected;
  std::function<void(const Error&)> on_disconnected;
  Client::AuthCallback on_auth;

  /// An empty callback takes it away.
  void set(const std::string& filter, Client::MessageCallback callback);

  /// False: nobody wants it.
  [[nodiscard]] bool tell(const IncomingMessage& message) const;

 private:
  using Filters = std::vector<std::pair<std::string, Client::MessageCallback>>;

  mutable std::mutex mutex_;
  // Another one for each change: a callback may change it while it runs.
  std::shared_ptr<const Filters> filters_ = std::make_shared<Filters>();
};

}  // namespace tombo::client
