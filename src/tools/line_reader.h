#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tombo::tools {

/// Cuts what comes through a descriptor into lines; holds one read and one line.
class LineReader {
 public:
  explicit LineReader(int descriptor) : descriptor_(descriptor), buffer_(kReadSize) {}

  /// Reads once; waits if nothing is there. False: a line is longer than kLineMax, see error().
  bool read();

  /// The next line without its end, valid until the next call; nullopt: read() has to come first,
  /// or that was all.
  std::optional<std::string_view> next();

  /// All was read and given.
  [[nodiscard]] bool at_end() const { return ended_ && used_ == size_ && rest_.empty(); }

  /// A line that MQTT could not carry.
  static constexpr size_t kLineMax = size_t{268'435'455};

 private:
  static constexpr size_t kReadSize = size_t{64} << 10;

  int descriptor_;
  std::vector<char> buffer_;
  size_t used_ = 0;
  size_t size_ = 0;
  std::string rest_;  // The beginning of a line.
  std::string line_;
  bool ended_ = false;
};

}  // namespace tombo::tools
