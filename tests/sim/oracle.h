#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/time.h"
#include "broker/ports/store.h"
#include "mqtt/types.h"

namespace tombo::sim {

struct Found;

/// A moment in the order in which clients do and see things. Two different moments never compare
/// equal, whatever the clock says.
using Step = uint64_t;
inline constexpr Step kNever = UINT64_MAX;

/// What was published, once, under a number that is its payload.
struct Publication {
  uint32_t number = 0;
  uint32_t publisher = 0;  ///< a client
  std::string topic;
  mqtt::Qos qos{};
  bool retain = false;
  bool is_empty = false;  ///< clears a retained message; cannot be recognised when it arrives
  bool is_will = false;
  bool expires = false;
  Step sent = 0;       ///< not earlier than this
  Step done = kNever;  ///< by this the broker had it in its place
  bool acknowledged = false;
  bool must_arrive = false;  ///< acknowledged, or a will that is due
  bool must_not_arrive = false;
  uint32_t transmissions = 1;  ///< at QoS 1 each may be delivered
  /// At QoS 2 those for which the broker may have lost the packet identifier.
  uint32_t doubtful_transmissions = 0;
  uint32_t received = 0;  ///< by anybody
  /// Not acknowledged when the power went: as if it had never been sent, perhaps.
  bool maybe_lost = false;
  /// How often so. What is subscribed to at QoS 1 may then come anew.
  uint32_t times_lost = 0;
};

/// One subscription as its client knows it.
struct Interest {
  std::string filter;  ///< without "$share/GROUP/"
  std::string group;   ///< empty: not shared
  mqtt::SubscribeOptions options;
  Step possible_from = 0;       ///< SUBSCRIBE was sent
  Step certain_from = kNever;   ///< SUBACK came
  Step certain_until = kNever;  ///< UNSUBSCRIBE or another SUBSCRIBE was sent
  Step possible_until = kNever;
};

/// What one session received of one publication.
struct Receipts {
  uint32_t first_transmissions = 0;  ///< live, without DUP
  uint32_t exactly_once = 0;         ///< live, QoS 2, as a client counts
  uint32_t all = 0;                  ///< replays of retained messages too
  std::array<bool, 2> classes{};     ///< received at QoS 0, at QoS 1 or 2
};

/// A session from its beginning to its end, as its client can know it.
struct Generation {
  uint32_t client = 0;
  Step ended = kNever;
  bool is_durable = false;  ///< by the last CONNECT or DISCONNECT: outlives its connection for long
  bool is_doubtful = false;  ///< what the client remembers may be of another session
  std::vector<Interest> interests;
  std::map<uint32_t, Receipts> receipts;

  /// By topic: of what was received live at one class of QoS, the latest moment of sending, and of
  /// whom.
  struct Latest {
    Step sent = 0;
    uint32_t number = 0;
  };

  std::map<std::pair<std::string, bool>, Latest> latest;
  /// By publisher and topic and QoS: the last number.
  std::map<std::pair<uint32_t, std::pair<std::string, mqtt::Qos>>, uint32_t> in_order;
};

/// A PUBLISH that a client received and counts as a message.
struct Arrival {
  std::string topic;
  std::string_view payload;
  mqtt::Qos qos{};
  bool retain = false;
  bool dup = false;
};

/// What the configuration of a world allows.
struct Allowed {
  bool duplicates = false;  ///< one copy for each overlapping subscription
  bool drops = false;       ///< queues are so short that messages are lost
  bool upgrades = false;    ///< upgrade_outgoing_qos
  /// What a group gave to a session that has ended is gone: it was in the store alone, which does
  /// not know of groups.
  bool group_losses = false;
  /// The same, but only since the broker died: a restart leaves the end of long queues there.
  bool group_losses_after_death = false;
};

/// Judges a broker by what its clients did and saw. Knows MQTT and nothing of the implementation.
/// The first thing that is wrong is kept as failure().
class Oracle {
 public:
  explicit Oracle(Allowed allowed) : allowed_(allowed) {}

  Step tick() { return ++step_; }

  [[nodiscard]] Step step() const { return step_; }

  [[nodiscard]] bool failed() const { return !failure_.empty(); }

  [[nodiscard]] const std::string& failure() const { return failure_; }

  void fail(std::string what) {
    if (failure_.empty()) failure_ = std::move(what);
  }

  // What clients say.
  /// Returns its number.
  uint32_t publish(Publication publication);

  Publication& publication(uint32_t number) { return publications_[number]; }

  /// The broker has answered: success or refused.
  void answered(uint32_t number, bool success);
  /// The broker had taken it in by now, for sure.
  void done(uint32_t number);
  uint32_t begin_generation(uint32_t client);
  /// A session that may be any of `before`.
  uint32_t begin_doubtful_generation(uint32_t client, const std::vector<uint32_t>& before);

  Generation& generation(uint32_t index) { return generations_[index]; }

  void end_generation(uint32_t index);
  /// SUBSCRIBE leaves with this filter. Returns what subscribed() is told when SUBACK comes.
  size_t subscribing(uint32_t generation, std::string_view filter, mqtt::SubscribeOptions options);
  void subscribed(uint32_t generation, size_t interest, bool success);
  /// UNSUBSCRIBE leaves. Returns what unsubscribed() is told when UNSUBACK comes.
  size_t unsubscribing(uint32_t generation, std::string_view filter);
  void unsubscribed(uint32_t generation, std::string_view filter, size_t before);
  void arrived(uint32_t generation, const Arrival& arrival);
  /// A will: it has to come now, it cannot come any more, or nobody can say.
  void will_is_due(uint32_t number, Step since);
  void will_is_cancelled(uint32_t number);
  void will_is_doubtful(uint32_t number);
  /// The process was killed and the power went. `at_rest`: when all that had happened was safe.
  void broker_died(bool at_rest);

  // Judgements.
  /// Everybody who must have something has it. All clients have read what there was.
  void check_at_rest();
  /// The retained messages that a new subscriber to everything received, by topic.
  void check_retained(const std::map<std::string, std::string>& found);
  /// What was acknowledged is what a start finds on the disk.
  void check_disk(const Found& found);

  static std::string payload(uint32_t number);
  static std::optional<uint32_t> number_of(std::string_view payload);

 private:
  [[nodiscard]] mqtt::Qos delivered_at(const Interest& interest, const Publication& of) const;
  void check_interest(const Generation& session, const Publication& of, const Arrival& arrival);
  void check_order(Generation& session, const Publication& of, const Arrival& arrival);
  void check_replay(const Generation& session, const Publication& of, const Arrival& arrival);
  void check_copies(const Generation& session, const Publication& of);
  void check_session(const Generation& session);
  void check_last_values(const Generation& session, const std::vector<const Publication*>& last);
  void check_queue(const Generation& session, const broker::RestoredSession& kept);
  void check_subscriptions(const Generation& session, const broker::RestoredSession& kept);
  void check_value(const std::string& topic, const std::string* value, std::string_view where);

  /// Of a publication and a group.
  struct GroupFate {
    bool is_owed = false;   ///< some member should have it
    bool is_lossy = false;  ///< and may have lost it
    bool has = false;
  };

  void note_member(const Generation& session, const Interest& interest, const Publication& of,
                   GroupFate& fate) const;
  void check_group(const std::string& group, const std::string& filter);
  [[nodiscard]] bool must_have(const Generation& session, const Interest& interest,
                               const Publication& of) const;
  [[nodiscard]] std::set<std::string> retained_topics() const;
  [[nodiscard]] std::vector<const Publication*> last_values(const std::string& topic) const;
  [[nodiscard]] bool may_be_empty(const std::string& topic) const;

  Allowed allowed_;
  Step step_ = 0;
  Step died_ = 0;  ///< when the broker did last
  std::string failure_;
  std::vector<Publication> publications_{1};
  std::vector<Generation> generations_;
};

}  // namespace tombo::sim
