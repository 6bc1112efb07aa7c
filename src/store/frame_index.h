#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "base/result.h"
#include "base/ring.h"
#include "store/frame.h"

namespace tombo::store {

/// Where the messages of all queues stand in the log, and which of its frames are still needed.
/// The log is a row of frames that loses them at its front: a frame goes when nothing lives in it
/// and all before it are gone, so what a frame says about older ones never outlives its meaning.
/// What keeps the front for too long is written again at the end (worth_cleaning()).
/// Home: one thread. Memory: 8 bytes for each entry of a queue, and 12 for a frame.
/// Bound: kSpanMax from the oldest to the youngest entry of one queue.
class FrameIndex {
 public:
  /// `small_log` in place of kSmallLog is for tests, whose logs are short.
  explicit FrameIndex(uint64_t small_log = kSmallLog) : small_log_(small_log) {}

  /// A place of the log: message `index` of `frame`.
  struct Place {
    FrameNumber frame = 0;
    uint32_t index = 0;

    bool operator==(const Place&) const = default;
  };

  /// An entry as a restart finds it.
  struct Entry {
    uint64_t sequence = 0;
    std::optional<Place> place;  ///< nullopt: released, its message is not needed any more
  };

  /// Entries of sessions that are not known are passed over. Requires: not known.
  void add_session(SessionNumber session);
  /// With all its entries.
  void erase_session(SessionNumber session);

  [[nodiscard]] bool has_session(SessionNumber session) const {
    return sessions_.contains(session);
  }

  // While a frame is put together: begin_frame(), what is in it, end_frame().

  /// Requires: `number` is beyond all before, or the log is empty.
  void begin_frame(FrameNumber number);
  /// The entry's message is the one with this index in the frame; `decision` as of QueueEntry.
  /// False: too far from the others.
  [[nodiscard]] bool add(SessionNumber session, uint64_t sequence, uint32_t index,
                         uint64_t decision = 0);
  void decide(uint64_t decision);
  /// The entry needs its message no more, its id yet. False as above.
  [[nodiscard]] bool release(SessionNumber session, uint64_t sequence);
  void finish(SessionNumber session, uint64_t sequence);
  void add_received(SessionNumber session, uint16_t packet_id);
  void finish_received(SessionNumber session, uint16_t packet_id);
  void end_frame(size_t bytes);

  /// The same for a frame that was written. Error: it is damaged.
  Result<void> apply(FrameNumber number, Bytes frame);

  [[nodiscard]] bool is_undecided(uint64_t decision) const { return undecided_.contains(decision); }

  struct Undecided {
    SessionNumber session = 0;
    uint64_t sequence = 0;
    uint64_t decision = 0;
  };

  /// Beyond all decisions that the log speaks of. Requires: a restart has read it.
  [[nodiscard]] uint64_t next_decision() const { return last_decision_ + 1; }

  /// Entries whose decision was never made: nothing is known of them any more.
  std::vector<Undecided> drop_undecided();

  /// The sequence of the oldest entry with this packet id; nullopt: there is none.
  [[nodiscard]] std::optional<uint64_t> find(SessionNumber session, uint16_t packet_id) const;

  /// The oldest frame that is needed; nullopt: none is.
  [[nodiscard]] std::optional<FrameNumber> front() const;

  /// Forgets the frames before front(). They may then be deleted: [first, last).
  struct Range {
    FrameNumber first = 0;
    FrameNumber last = 0;

    [[nodiscard]] bool empty() const { return first == last; }
  };

  [[nodiscard]] Range take_dead();

  /// Is more of the log dead than alive, and it is large? Then the messages that live in front()
  /// are to be written again at the end, which frees it.
  [[nodiscard]] bool worth_cleaning() const;

  /// Does `entry` of a message that stands at `place` live there?
  [[nodiscard]] bool lives(const QueueEntry& entry, Place place) const;
  /// Is the entry released, and the record of it in this frame?
  [[nodiscard]] bool is_released_in(SessionNumber session, uint64_t sequence,
                                    FrameNumber frame) const;
  /// Is the id received, and the record of it in this frame?
  [[nodiscard]] bool is_received_in(const ReceivedRecord& record, FrameNumber frame) const;

  /// The entries of a session in their order, from `first` on, at most `max`.
  [[nodiscard]] std::vector<Entry> entries(SessionNumber session, uint64_t first, size_t max) const;
  /// The sequence behind the first `count` entries of a session; the greatest there is when it has
  /// no more than that.
  [[nodiscard]] uint64_t sequence_after(SessionNumber session, size_t count) const;
  [[nodiscard]] std::vector<uint16_t> received(SessionNumber session) const;

  /// Bytes of all frames in the log.
  [[nodiscard]] uint64_t bytes() const { return bytes_; }

  /// Bytes of those that is still needed, about.
  [[nodiscard]] uint64_t live_bytes() const { return live_bytes_; }

  static constexpr FrameNumber kFrameMax = (FrameNumber{1} << 44) - 1;
  static constexpr uint64_t kSpanMax = uint64_t{1} << 26;

  /// A log of that size is not worth cleaning.
  static constexpr uint64_t kSmallLog = uint64_t{64} << 20;

 private:
  struct FrameState {
    uint32_t live = 0;  ///< entries and received ids whose record is here
    uint32_t bytes = 0;
    uint32_t bytes_each = 0;  ///< what one of them counts in live_bytes_
  };

  struct ReceivedId {
    uint16_t packet_id = 0;
    FrameNumber frame = 0;
  };

  /// Packed places of the entries from `first` on; 0: gone.
  struct Session {
    uint64_t first = 0;
    Ring<uint64_t> places;
    std::vector<ReceivedId> received;
  };

  [[nodiscard]] bool put(SessionNumber session, uint64_t sequence, uint64_t packed);
  // False: the record makes no sense.
  [[nodiscard]] bool apply(const MessageRecord& record, uint32_t index);
  void unpin(FrameNumber number);
  void pin();
  [[nodiscard]] uint64_t packed_at(SessionNumber session, uint64_t sequence) const;

  boost::unordered_flat_map<SessionNumber, Session> sessions_;
  boost::unordered_flat_map<uint64_t, std::vector<Undecided>> undecided_;
  std::deque<FrameState> frames_;
  FrameNumber first_frame_ = 0;  ///< the number of frames_.front()
  FrameNumber current_ = 0;      ///< the one that was begun last
  FrameNumber deleted_to_ = 0;   ///< frames before it have been given by take_dead()
  uint64_t bytes_ = 0;
  uint64_t live_bytes_ = 0;
  uint64_t small_log_;
  uint64_t last_decision_ = 0;
};

}  // namespace tombo::store
