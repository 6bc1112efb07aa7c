#include "mqtt/frame.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <vector>

#include "base/check.h"
#include "fuzz/input.h"
#include "mqtt/types.h"

/// The frame cutter against the definition of Remaining Length (section 2.1.4), on every beginning
/// of a stream: what it decides early it never takes back.
namespace tombo::fuzz {
namespace {

using mqtt::Cut;
using mqtt::CutStatus;

/// The fixed header by the book: nullopt when it is not whole.
struct Header {
  uint64_t remaining = 0;
  uint32_t size = 0;
  bool malformed = false;
};

std::optional<Header> reference(Bytes input) {
  Header header;
  uint64_t factor = 1;
  for (size_t i = 1; i < input.size(); ++i) {
    if (i == 5) break;
    header.remaining += (input[i] & 127U) * factor;
    factor *= 128;
    header.size = static_cast<uint32_t>(i + 1);
    if ((input[i] & 128U) != 0) {
      header.malformed = i == 4;
      if (header.malformed) return header;
      continue;
    }
    header.malformed = i > 1 && input[i] == 0;  // not the shortest form
    return header;
  }
  return std::nullopt;
}

void check_cut(Bytes input, uint32_t limit, const Cut& cut) {
  const std::optional<Header> header = reference(input);
  if (!header) {
    CHECK(cut.status == CutStatus::incomplete && cut.needed == 0);
    return;
  }
  if (header->malformed) {
    CHECK(cut.status == CutStatus::malformed);
    return;
  }
  const uint64_t whole = header->size + header->remaining;
  CHECK(cut.needed == whole && header->remaining <= mqtt::kRemainingLengthMax);
  if (limit != 0 && whole > limit) {
    CHECK(cut.status == CutStatus::too_large);
  } else if (input.size() < whole) {
    CHECK(cut.status == CutStatus::incomplete);
  } else {
    CHECK(cut.status == CutStatus::complete);
    CHECK(cut.frame.size() == whole && cut.frame.header_size == header->size);
    CHECK(cut.frame.first_byte == input[0]);
    CHECK(cut.frame.body.data() == input.data() + header->size);
  }
}

/// Beginnings of a stream worth a look: all short ones, those round the end of the first packet.
std::vector<size_t> beginnings(Bytes stream) {
  std::vector<size_t> sizes;
  for (size_t size = 0; size <= std::min(stream.size(), size_t{8}); ++size) sizes.push_back(size);
  const uint32_t whole = mqtt::cut_frame(stream, 0).needed;
  for (const size_t size : {size_t{whole} - 1, size_t{whole}, size_t{whole} + 1, stream.size()}) {
    if (size > sizes.back() && size <= stream.size()) sizes.push_back(size);
  }
  return sizes;
}

/// The first packet of `stream`, by its beginnings. Returns its size; 0: there is none.
uint32_t cut_bit_by_bit(Bytes stream, uint32_t limit) {
  CutStatus before = CutStatus::incomplete;
  uint32_t taken = 0;
  for (const size_t size : beginnings(stream)) {
    // A copy of just that size: reading past it is an error of memory.
    const auto copy = std::make_unique<uint8_t[]>(size);
    std::copy_n(stream.begin(), size, copy.get());
    const Bytes input(copy.get(), size);
    const Cut cut = mqtt::cut_frame(input, limit);
    check_cut(input, limit, cut);
    CHECK(before == CutStatus::incomplete || cut.status == before, "a decision taken back");
    before = cut.status;
    if (cut.status == CutStatus::complete) taken = cut.frame.size();
  }
  return taken;
}

void run(Input input) {
  constexpr uint32_t kLimits[] = {0, 2, 127, 128, 129, 130, 200, 2'000'000, 268'435'460};
  const uint32_t limit = kLimits[input.below(std::size(kLimits))];
  Bytes stream = input.rest();
  for (int packets = 0; packets < 50; ++packets) {
    const uint32_t taken = cut_bit_by_bit(stream, limit);
    if (taken == 0) break;
    stream = stream.subspan(taken);
  }
}

}  // namespace
}  // namespace tombo::fuzz

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  tombo::fuzz::run({data, size});
  return 0;
}
