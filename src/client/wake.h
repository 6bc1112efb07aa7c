#pragma once

#include "net/socket.h"

namespace tombo::client {

/// Wakes a thread that waits in poll(): an eventfd. Any thread may call set().
class Wake {
 public:
  Wake();

  void set() const;
  void clear() const;

  /// Can be read once it is set.
  [[nodiscard]] int descriptor() const { return event_.descriptor(); }

 private:
  net::Socket event_;
};

}  // namespace tombo::client
