#include "tools/line_reader.h"

#include <cerrno>
#include <unistd.h>
#include <utility>

namespace tombo::tools {

bool LineReader::read() {
  if (used_ < size_ || ended_) return true;
  ssize_t count = 0;
  do {
    count = ::read(descriptor_, buffer_.data(), buffer_.size());
  } while (count < 0 && errno == EINTR);
  used_ = 0;
  size_ = count > 0 ? static_cast<size_t>(count) : 0;
  ended_ = count <= 0;
  return rest_.size() + size_ <= kLineMax;
}

std::optional<std::string_view> LineReader::next() {
  const std::string_view left(buffer_.data() + used_, size_ - used_);
  const size_t end = left.find('\n');
  if (end == std::string_view::npos) {
    rest_ += left;
    used_ = size_;
    if (!ended_ || rest_.empty()) return std::nullopt;
    line_ = std::exchange(rest_, {});
    return line_;
  }
  used_ += end + 1;
  if (rest_.empty()) return left.substr(0, end);
  line_ = std::exchange(rest_, {});
  line_ += left.substr(0, end);
  return line_;
}

}  // namespace tombo::tools
