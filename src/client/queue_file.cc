#include "client/queue_file.h"

#include <sqlite3.h>
#include <string_view>

#include <fmt/core.h>

#include "base/bytes.h"
#include "client/coding.h"

namespace tombo::client {
namespace {

constexpr const char* kSchema =
    "CREATE TABLE IF NOT EXISTS message(number INTEGER PRIMARY KEY AUTOINCREMENT, topic BLOB NOT "
    "NULL, payload BLOB NOT NULL, qos INTEGER NOT NULL, retain INTEGER NOT NULL, properties BLOB "
    "NOT NULL)";
constexpr const char* kAdd =
    "INSERT INTO message(topic, payload, qos, retain, properties) VALUES(?, ?, ?, ?, ?)";
constexpr const char* kRead =
    "SELECT number, topic, payload, qos, retain, properties FROM message ORDER BY number";
constexpr const char* kRemove = "DELETE FROM message WHERE number = ?";

void bind_bytes(sqlite3_stmt* statement, int column, Bytes bytes) {
  // Null would be no value at all.
  const void* data = bytes.empty() ? "" : static_cast<const void*>(bytes.data());
  sqlite3_bind_blob64(statement, column, data, bytes.size(), SQLITE_STATIC);
}

std::string_view text_of(sqlite3_stmt* statement, int column) {
  const void* data = sqlite3_column_blob(statement, column);
  return {static_cast<const char*>(data),
          static_cast<size_t>(sqlite3_column_bytes(statement, column))};
}

}  // namespace

void QueueFile::Closer::operator()(sqlite3* database) const {
  sqlite3_close_v2(database);
}

void QueueFile::Closer::operator()(sqlite3_stmt* statement) const {
  sqlite3_finalize(statement);
}

QueueFile::QueueFile() = default;
QueueFile::~QueueFile() = default;

Error QueueFile::failed() const {
  const char* why = database_ ? sqlite3_errmsg(database_.get()) : "no memory";
  return {.kind = ErrorKind::queue_file, .text = fmt::format("{}: {}", path_, why)};
}

Error QueueFile::run(const char* sql) {
  const int result = sqlite3_exec(database_.get(), sql, nullptr, nullptr, nullptr);
  return result == SQLITE_OK ? Error() : failed();
}

Error QueueFile::prepare(const char* sql, Statement& statement) {
  sqlite3_stmt* made = nullptr;
  const int result = sqlite3_prepare_v2(database_.get(), sql, -1, &made, nullptr);
  statement.reset(made);
  return result == SQLITE_OK ? Error() : failed();
}

Error QueueFile::open(const std::string& path, bool synced) {
  const std::lock_guard lock(mutex_);
  path_ = path;
  sqlite3* opened = nullptr;
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
  const int result = sqlite3_open_v2(path.c_str(), &opened, flags, nullptr);
  database_.reset(opened);
  if (result != SQLITE_OK) return failed();
  // Exclusive: a second client with this file would send the same messages.
  for (const char* sql :
       {"PRAGMA locking_mode = EXCLUSIVE", "PRAGMA journal_mode = WAL",
        synced ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL", kSchema}) {
    if (Error wrong = run(sql)) return wrong;
  }
  if (Error wrong = prepare(kAdd, add_)) return wrong;
  return prepare(kRemove, remove_);
}

Error QueueFile::read(std::vector<Row>& rows) {
  const std::lock_guard lock(mutex_);
  Statement statement;
  if (Error wrong = prepare(kRead, statement)) return wrong;
  for (;;) {
    const int result = sqlite3_step(statement.get());
    if (result == SQLITE_DONE) return {};
    if (result != SQLITE_ROW) return failed();
    const int qos = sqlite3_column_int(statement.get(), 3);
    const std::string_view properties = text_of(statement.get(), 5);
    rows.push_back(
        {.number = sqlite3_column_int64(statement.get(), 0),
         .message = {.topic = std::string(text_of(statement.get(), 1)),
                     .payload = std::string(text_of(statement.get(), 2)),
                     .qos = qos == 2 ? Qos::exactly_once : Qos::at_least_once,
                     .retain = sqlite3_column_int(statement.get(), 4) != 0,
                     .properties = decode_properties(mqtt::Properties(as_bytes(properties)))}});
  }
}

Error QueueFile::add(const Message& message, int64_t& number) {
  std::vector<uint8_t> properties;
  if (!encode_properties(message.properties, properties)) {
    return {.kind = ErrorKind::invalid_argument, .text = "a property that is none"};
  }
  const std::lock_guard lock(mutex_);
  bind_bytes(add_.get(), 1, as_bytes(message.topic));
  bind_bytes(add_.get(), 2, as_bytes(message.payload));
  sqlite3_bind_int(add_.get(), 3, static_cast<int>(message.qos));
  sqlite3_bind_int(add_.get(), 4, message.retain ? 1 : 0);
  bind_bytes(add_.get(), 5, properties);
  const int result = sqlite3_step(add_.get());
  sqlite3_reset(add_.get());
  if (result != SQLITE_DONE) return failed();
  number = sqlite3_last_insert_rowid(database_.get());
  return {};
}

Error QueueFile::remove(std::span<const int64_t> numbers) {
  const std::lock_guard lock(mutex_);
  if (Error wrong = run("BEGIN")) return wrong;
  for (const int64_t number : numbers) {
    sqlite3_bind_int64(remove_.get(), 1, number);
    const int result = sqlite3_step(remove_.get());
    sqlite3_reset(remove_.get());
    if (result == SQLITE_DONE) continue;
    Error why = failed();
    static_cast<void>(run("ROLLBACK"));
    return why;
  }
  return run("COMMIT");
}

}  // namespace tombo::client
