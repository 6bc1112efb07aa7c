#include "server/service_manager.h"

#include <array>
#include <cstddef>
#include <cstring>
#include <string>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <gtest/gtest.h>

namespace tombo::server {
namespace {

/// The other end of NOTIFY_SOCKET, with an abstract name that the kernel chose.
class Receiver {
 public:
  Receiver() : socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(::bind(socket_.descriptor(), generic, sizeof address.sun_family), 0);
    socklen_t size = sizeof address;
    EXPECT_EQ(::getsockname(socket_.descriptor(), generic, &size), 0);
    const size_t name_size = size - offsetof(sockaddr_un, sun_path);
    name = "@" + std::string(address.sun_path + 1, name_size - 1);
  }

  std::string message() {
    std::array<char, 1000> text{};
    const ssize_t size = ::recv(socket_.descriptor(), text.data(), text.size(), 0);
    return size < 0 ? "" : std::string(text.data(), static_cast<size_t>(size));
  }

  std::string name;

 private:
  net::Socket socket_;
};

TEST(ServiceManager, hears_what_it_should) {
  Receiver receiver;
  const ServiceManager manager({.notify_socket = receiver.name});
  manager.ready("Fine.");
  EXPECT_EQ(receiver.message(), "READY=1\nSTATUS=Fine.");
  manager.reloading();
  EXPECT_EQ(receiver.message().rfind("RELOADING=1\nMONOTONIC_USEC=", 0), 0U);
  manager.alive();
  EXPECT_EQ(receiver.message(), "WATCHDOG=1");
  manager.stopping();
  EXPECT_EQ(receiver.message(), "STOPPING=1\nSTATUS=Ending.");
}

TEST(ServiceManager, that_does_not_read_is_not_waited_for) {
  Receiver receiver;
  const ServiceManager manager({.notify_socket = receiver.name});
  for (int i = 0; i < 10'000; ++i) manager.alive();
  EXPECT_EQ(receiver.message(), "WATCHDOG=1");
}

TEST(ServiceManager, wants_to_hear_four_times_within_its_patience) {
  const std::string own = std::to_string(::getpid());
  const auto interval = [](const std::string& usec, const std::string& pid) {
    return ServiceManager({.notify_socket = "@x", .watchdog_usec = usec, .watchdog_pid = pid})
        .watchdog_interval();
  };
  EXPECT_EQ(interval("30000000", ""), Duration(7500));
  EXPECT_EQ(interval("30000000", own), Duration(7500));
  EXPECT_EQ(interval("1", own), Duration(1));
  EXPECT_EQ(interval("30000000", "1"), std::nullopt);
  for (const char* none : {"", "0", "x", "-1", "1x"}) {
    EXPECT_EQ(interval(none, own), std::nullopt) << none;
  }
  EXPECT_EQ(ServiceManager({.watchdog_usec = "30000000"}).watchdog_interval(), std::nullopt);
}

}  // namespace
}  // namespace tombo::server
