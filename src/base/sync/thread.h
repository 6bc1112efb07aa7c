#pragma once

#include <string>
#include <thread>
#include <utility>

namespace tombo {

/// A thread with a name (its first 15 bytes are shown by top and gdb) that is joined at the latest
/// by its destructor.  An exception that leaves the entry ends the process.
class Thread {
 public:
  Thread() = default;

  template <class Entry>
  Thread(std::string name, Entry entry)
      // NOLINTNEXTLINE(bugprone-exception-escape): it ends the process, as is said above.
      : thread_([name = std::move(name), entry = std::move(entry)]() mutable noexcept {
          name_this_thread(name);
          entry();
        }) {}

  Thread(Thread&&) noexcept = default;
  /// Joins the thread it had.
  Thread& operator=(Thread&& other) noexcept;
  Thread(const Thread&) = delete;
  Thread& operator=(const Thread&) = delete;

  ~Thread() { join(); }

  [[nodiscard]] bool joinable() const { return thread_.joinable(); }

  /// Waits for the end of the entry; returns at once when there is no thread.
  void join();

 private:
  static void name_this_thread(const std::string& name);

  std::thread thread_;
};

}  // namespace tombo
