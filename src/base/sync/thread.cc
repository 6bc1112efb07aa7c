#include "base/sync/thread.h"

#include <pthread.h>

namespace tombo {

Thread& Thread::operator=(Thread&& other) noexcept {
  if (this != &other) {
    join();
    thread_ = std::move(other.thread_);
  }
  return *this;
}

void Thread::join() {
  if (thread_.joinable()) thread_.join();
}

void Thread::name_this_thread(const std::string& name) {
  // The kernel takes 15 bytes and a zero, and refuses longer names.
  pthread_setname_np(pthread_self(), name.substr(0, 15).c_str());
}

}  // namespace tombo
