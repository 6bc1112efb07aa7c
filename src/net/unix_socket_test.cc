#include "net/unix_socket.h"

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sys/socket.h>
#include <sys/stat.h>
#include <utility>

#include <gtest/gtest.h>

#include "net/listener.h"

namespace tombo::net {
namespace {

namespace fs = std::filesystem;

class UnixSocketTest : public testing::Test {
 protected:
  UnixSocketTest() {
    std::string name = testing::TempDir() + "unix-XXXXXX";
    folder = ::mkdtemp(name.data());
    path = folder / "s";
  }

  ~UnixSocketTest() override { fs::remove_all(folder); }

  /// 0 or an errno.
  [[nodiscard]] int try_connect(Socket& socket) const {
    socket = Socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.string().copy(address.sun_path, kUnixPathBytesMax);
    const auto* generic = reinterpret_cast<const sockaddr*>(&address);
    return ::connect(socket.descriptor(), generic, sizeof address) == 0 ? 0 : errno;
  }

  void expect_in_use() const {
    const auto listening = listen_at_path(path);
    ASSERT_FALSE(listening);
    EXPECT_EQ(listening.error().text, "Address already in use");
  }

  fs::path folder;
  fs::path path;
};

TEST_F(UnixSocketTest, takes_connections_and_names_the_peer_by_the_path) {
  auto listening = listen_at_path(path);
  ASSERT_TRUE(listening) << listening.error().text;
  Socket client;
  ASSERT_EQ(try_connect(client), 0);
  Listener listener(std::move(listening->socket));
  listener.set_no_delay(true);
  const Listener::Accepted accepted = listener.accept();
  EXPECT_EQ(accepted.kind, Listener::Accepted::Kind::connection);
  EXPECT_EQ(accepted.peer, path.string() + ":0");
  EXPECT_EQ(listener.accept().kind, Listener::Accepted::Kind::none);
}

TEST_F(UnixSocketTest, is_for_owner_and_group_whatever_the_umask) {
  for (const mode_t mask : {0000U, 0077U}) {
    const mode_t before = ::umask(mask);
    const auto listening = listen_at_path(path);
    ::umask(before);
    ASSERT_TRUE(listening);
    EXPECT_EQ(fs::status(path).permissions(), fs::perms::owner_all | fs::perms::group_all);
  }
}

TEST_F(UnixSocketTest, the_file_goes_with_its_owner) {
  std::optional<SocketFile> file;
  {
    auto listening = listen_at_path(path);
    ASSERT_TRUE(listening);
    file = std::move(listening->file);
  }
  EXPECT_TRUE(fs::exists(path));
  file.reset();
  EXPECT_FALSE(fs::exists(path));
}

TEST_F(UnixSocketTest, leaves_a_file_that_took_its_place) {
  {
    const auto listening = listen_at_path(path);
    ASSERT_TRUE(listening);
    fs::rename(path, folder / "away");
    std::ofstream(path) << "mine";
  }
  EXPECT_TRUE(fs::is_regular_file(path));
}

TEST_F(UnixSocketTest, replaces_a_socket_that_nobody_listens_at) {
  {
    auto listening = listen_at_path(path);
    ASSERT_TRUE(listening);
    fs::create_hard_link(path, folder / "kept");
  }
  fs::rename(folder / "kept", path);
  Socket client;
  ASSERT_EQ(try_connect(client), ECONNREFUSED);
  const auto listening = listen_at_path(path);
  ASSERT_TRUE(listening) << listening.error().text;
  EXPECT_EQ(try_connect(client), 0);
}

TEST_F(UnixSocketTest, does_not_touch_a_socket_in_use) {
  const auto first = listen_at_path(path);
  ASSERT_TRUE(first);
  expect_in_use();
  Socket client;
  EXPECT_EQ(try_connect(client), 0);
}

TEST_F(UnixSocketTest, does_not_touch_any_other_file) {
  std::ofstream(path) << "precious";
  expect_in_use();
  EXPECT_TRUE(fs::is_regular_file(path));
  fs::rename(path, folder / "target");
  fs::create_symlink(folder / "target", path);
  expect_in_use();
  EXPECT_TRUE(fs::exists(folder / "target"));
}

TEST_F(UnixSocketTest, says_why_it_cannot_listen) {
  const auto listening = listen_at_path(folder / "none" / "s");
  ASSERT_FALSE(listening);
  EXPECT_EQ(listening.error().text, "No such file or directory");
}

TEST_F(UnixSocketTest, takes_the_longest_path_there_is) {
  path = folder / std::string(kUnixPathBytesMax - folder.string().size() - 1, 'x');
  const auto listening = listen_at_path(path);
  ASSERT_TRUE(listening) << listening.error().text;
  EXPECT_TRUE(fs::is_socket(path));
  Listener listener(Socket(::dup(listening->socket.descriptor())));
  Socket client;
  ASSERT_EQ(try_connect(client), 0);
  EXPECT_EQ(listener.accept().peer, path.string() + ":0");
}

}  // namespace
}  // namespace tombo::net
