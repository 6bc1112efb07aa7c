#include "client/loop.h"

#include <algorithm>
#include <array>
#include <poll.h>
#include <utility>

namespace tombo::client {
namespace {

using Kind = Stream::Moved::Kind;

constexpr std::chrono::seconds kOpenPatience{30};
constexpr size_t kBufferSize = size_t{64} << 10;
/// Reads of one turn, after which others have theirs.
constexpr int kReadsPerTurn = 16;

Time read_clock() {
  return Clock::now();
}

}  // namespace

Loop::Loop(Machine& machine, Target target)
    : machine_(machine), target_(std::move(target)), buffer_(kBufferSize) {}

Error Loop::open(int cancel) {
  Opened opened = open_stream(target_, kOpenPatience, cancel);
  if (!opened.stream) return opened.error;
  stream_ = std::move(opened.stream);
  error_ = {};
  machine_.opened(read_clock());
  flush();
  return {};
}

int Loop::poll_limit(std::chrono::milliseconds most) const {
  if (!pauses_ && stream_->has_read_ahead()) return 0;
  if (const std::optional<Time> due = machine_.deadline()) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(*due - read_clock());
    most = std::clamp(left, std::chrono::milliseconds(0), most);
  }
  return static_cast<int>(most.count());
}

bool Loop::turn(std::chrono::milliseconds most, int also) {
  if (!is_open()) return false;
  const bool writes = !machine_.output().empty() || stream_->wants_write();
  std::array<pollfd, 2> wanted{
      pollfd{stream_->descriptor(),
             static_cast<short>((pauses_ ? 0 : POLLIN) | (writes ? POLLOUT : 0)), 0},
      pollfd{also, POLLIN, 0}};
  const int found = ::poll(wanted.data(), wanted.size(), poll_limit(most));
  if (pauses_) {
    // The other end is gone, so there is no use in waiting.
    if ((wanted[0].revents & (POLLERR | POLLHUP)) != 0) read();
  } else if ((found > 0 && wanted[0].revents != 0) || stream_->has_read_ahead()) {
    read();
  }
  if (is_open()) machine_.passed(read_clock());
  flush();
  return (wanted[1].revents & (POLLIN | POLLHUP)) != 0;
}

void Loop::pause_reading(bool pauses) {
  pauses_ = pauses;
  machine_.set_reading(!pauses, read_clock());
}

void Loop::read() {
  for (int i = 0; is_open() && i < kReadsPerTurn; ++i) {
    const Stream::Moved moved = stream_->read(buffer_);
    if (moved.kind == Kind::blocked) return;
    if (moved.kind != Kind::done) return close(moved.error);
    machine_.received(std::span(buffer_).first(moved.count), read_clock());
    // Most often that was all.
    if (moved.count < buffer_.size() && !stream_->has_read_ahead()) return;
  }
}

void Loop::flush() {
  while (is_open() && (!machine_.output().empty() || stream_->wants_write())) {
    const Stream::Moved moved = stream_->write(machine_.output());
    if (moved.kind == Kind::blocked) return;
    if (moved.kind != Kind::done) return close(moved.error);
    machine_.wrote(moved.count, read_clock());
  }
  if (is_open() && machine_.is_ending()) close({});
}

void Loop::close(const Error& error) {
  error_ = error;
  stream_.reset();
  machine_.closed(read_clock());
}

}  // namespace tombo::client
