#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "tombo/error.h"
#include "tombo/types.h"

struct sqlite3;
struct sqlite3_stmt;

namespace tombo::client {

/// Outgoing messages in a file that survives a crash of the process, and with `synced` one of the
/// machine. Any thread may use it; one process at a time. Errors: ErrorKind::queue_file.
class QueueFile {
 public:
  struct Row {
    int64_t number = 0;
    Message message{};
  };

  QueueFile();
  ~QueueFile();
  QueueFile(const QueueFile&) = delete;
  QueueFile& operator=(const QueueFile&) = delete;

  [[nodiscard]] Error open(const std::string& path, bool synced);

  /// What it holds, in its order.
  [[nodiscard]] Error read(std::vector<Row>& rows);

  /// It is in the file when this returns.
  [[nodiscard]] Error add(const Message& message, int64_t& number);

  /// All of them or none.
  [[nodiscard]] Error remove(std::span<const int64_t> numbers);

 private:
  struct Closer {
    void operator()(sqlite3* database) const;
    void operator()(sqlite3_stmt* statement) const;
  };

  using Statement = std::unique_ptr<sqlite3_stmt, Closer>;

  Error run(const char* sql);
  Error prepare(const char* sql, Statement& statement);
  [[nodiscard]] Error failed() const;

  std::mutex mutex_;
  std::string path_;
  std::unique_ptr<sqlite3, Closer> database_;
  Statement add_;
  Statement remove_;
};

}  // namespace tombo::client
