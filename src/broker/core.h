#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/random.h"
#include "base/slab.h"
#include "base/timer_wheel.h"
#include "broker/broker.h"
#include "broker/connection.h"
#include "broker/delivery.h"
#include "broker/orphaned_acks.h"
#include "broker/refusal.h"
#include "broker/retained.h"
#include "broker/session_table.h"
#include "broker/shared_group.h"
#include "broker/topic_tree.h"
#include "broker/wording.h"
#include "mqtt/frame.h"
#include "mqtt/packet.h"

namespace tombo::broker {

/// What stands behind Broker: one shard's whole state and the handlers that change it. Each group
/// of handlers has a file of its own, named in the comments; the data structures stand alone in
/// theirs.
class Core {
 public:
  explicit Core(BrokerSetup setup);

  // core.cc: inputs, and the frame loop that feeds the handlers.
  ConnectionId on_open(const OpenInfo& info, Now now);
  ConnectionId on_adopt(mail::Adopt& adopt, Now now);
  void on_client_address(ConnectionId id, std::string_view address, bool pending);
  void on_peer_name(ConnectionId id, std::string name);
  void on_peer_address(ConnectionId id, std::string_view address);
  size_t on_bytes(ConnectionId id, Bytes bytes, Now now);
  void on_time(Now now);
  std::optional<Time> next_deadline() const;
  void end_turn(Now now);
  const Stats& stats();
  std::string subscription_tree() const;

  Output& output() { return output_; }

  // on_mail.cc
  void on_mail(Mail mail, Now now);

  // on_close.cc
  void on_closed(ConnectionId id, CloseCause cause, std::string_view detail, Now now);

  // writer.cc
  bool gather(ConnectionId id, FlushBuffer& buffer, Now now);
  bool wrote(ConnectionId id, FlushBuffer& buffer, size_t count);

 private:
  /// A connection with its id, as handlers pass it on.
  struct Peer {
    ConnectionId id;
    Connection& connection;
  };

  /// A session that a PUBLISH goes to, while the matches are gathered.
  struct Match {
    uint32_t session = 0;
    uint32_t subscription_id = 0;
    uint8_t options = 0;
    uint32_t more_ids = 0;  ///< 1 + index into more_ids_, when there are several identifiers
  };

  /// What delivering on this shard came to.
  struct Delivered {
    bool matched = false;
    bool stored = false;  ///< something durable was recorded in this turn's batch
    AckToken relay;       ///< set when other shards have to settle too
  };

  /// What a subscription says besides its filter.
  struct SubscriptionFacts {
    uint8_t options = 0;
    uint32_t subscription_id = 0;
  };

  /// What the entries of one SUBSCRIBE have in common.
  struct SubscribeContext {
    uint32_t subscription_id = 0;
    uint32_t request = 0;
    std::string why{};  ///< the first refusal in words
  };

  struct GroupMembership {
    std::string_view name;
    uint8_t options = 0;
    uint32_t subscription_id = 0;
  };
  /// Where a delivery comes from: a publish that matches a subscription, a shared group that chose
  /// this session, or the replay of retained messages.
  enum class Source : uint8_t { live, group, replay };
  /// What came of writing a PUBLISH.
  enum class Written : uint8_t { yes, no_room, too_large };

  /// Traffic to another shard.
  struct Link {
    uint64_t under_way = 0;            ///< bytes sent there and not given back
    uint64_t to_give_back = 0;         ///< bytes taken in from there
    std::vector<ConnectionId> paused;  ///< publishers that wait for credit
  };

  /// A settlement that other shards must make first (shared groups whose members live elsewhere).
  struct Relay {
    AckToken token;
    uint32_t remaining = 0;
    bool matched = false;
    // A QoS 2 message of a client whose session is kept, while several shards store it. They may do
    // so in different commits, so what they store counts only with the decision, which is
    // recorded together with the packet id: else, after a crash in between, the client would send
    // again what some receivers have, or not send again what others have not.
    uint64_t decision = 0;  ///< 0: not such a message
    bool spreads = false;   ///< other shards may have stored it
    SessionId publisher{};
    mqtt::PacketId packet_id{};
  };
  using RelayId = SlabId<struct RelayTag>;

  /// A connection with control packets that wait for a batch.
  struct Held {
    uint64_t batch = 0;
    ConnectionId connection;
  };

  /// Acknowledgements that wait for a batch.
  struct Owed {
    uint64_t batch = 0;
    AckToken token;
    bool matched = false;
    uint64_t decision = 0;  ///< made by that batch; 0: none
    bool spreads = false;   ///< other shards have to be told of it
  };

  /// A QoS 2 delivery in a queue that must not be sent yet.
  struct HeldDelivery {
    SessionId session;
    mqtt::PacketId packet_id;
  };

  /// What CONNACK says besides the limits of configuration.
  struct ConnackFacts {
    bool present = false;
    bool assigned = false;
    bool keep_alive_changed = false;
    bool response_information = false;
    std::string_view authentication_data{};  ///< empty: none
  };
  /// Is the place that global_max_clients counts kept for a session that follows?
  enum class KeepPlace : uint8_t { no, yes };

  enum TimerKind : uint8_t { timer_connection, timer_session, timer_sweep, timer_rate };

  // core.cc
  size_t take_frames(ConnectionId id, Bytes bytes);
  bool take_partial(ConnectionId id, Bytes& bytes);
  void note_progress(Connection& connection) const;
  /// Closes a connection whose bytes are no packet, or one too large.
  void refuse_cut(Peer peer, mqtt::CutStatus status, mqtt::PacketType type);
  void refuse_too_large(Peer peer, mqtt::PacketType type);
  void on_frame(Peer peer, const mqtt::Frame& frame);
  uint32_t packet_size_limit(const Connection& connection) const;
  void on_timer(Timer& timer);
  void arm_keep_alive(Connection& connection);
  void sweep_retained();
  ShardId home(std::string_view key) const;
  void send(ShardId to, Mail mail);

  bool multi() const { return setup_.shards > 1; }

  const config::ListenerConfig& listener(uint16_t index) const;

  const config::Config& config() const { return *setup_.config; }

  Logger& log() { return *setup_.log; }

  // against_abuse.cc: the limits against abuse on what a client sends
  void count(LimitHit hit) { stats_.count(hit); }

  void log_limit(Peer peer, LimitHit hit, std::string_view packet, std::string_view why);
  [[nodiscard]] bool too_deep(std::string_view topic) const;
  std::string check_user_properties(const mqtt::Properties& properties) const;
  bool check_connect_limits(Peer peer, const mqtt::Connect& packet);
  bool check_publish_limits(Peer peer, const mqtt::Publish& packet);
  void charge(Peer peer, const mqtt::Frame& frame);
  bool keep_retained(const SharedRef<const mqtt::Message>& message);
  std::string check_retained(const mqtt::Message& message, const mqtt::Message* old);
  std::string check_retained_of_client(const mqtt::Message& message, const mqtt::Message* old);
  void count_retained_of_client(const mqtt::Message& message, int sign);
  void tell_retained();
  Duration charge_client(Peer peer, ClientRates& rates, size_t bytes);
  Duration charge_user(Peer peer, const Session& session, size_t bytes);
  void on_rate_timer(Session& session);
  void obey_waiting_disconnect(Peer peer);
  bool subscription_fits(Session& session, std::string_view filter);
  bool has_subscription(Session& session, std::string_view filter);
  mqtt::Reason refuse_subscription(Session& session, const mqtt::Subscription& entry,
                                   std::string_view filter, std::string& why);

  // on_mail.cc
  void reconfigure(mail::Reconfigure change);

  // handshake.cc: from the first byte to a client that may come in
  void on_connect_frame(Peer peer, const mqtt::Frame& frame);
  bool take_peer_name(Peer peer, mqtt::Connect& packet);
  bool check_first_bytes(Peer peer, Bytes bytes);
  bool check_connect(Peer peer, mqtt::Connect& packet, std::string& client_id);
  bool choose_client_id(Peer peer, const mqtt::Connect& packet, std::string& client_id);
  bool check_will(Peer peer, const mqtt::Connect& packet);
  bool check_keep_alive(Peer peer, const mqtt::Connect& packet);
  void refuse_malformed_connect(Peer peer, const mqtt::Connect& packet, const mqtt::Malformed& why);
  void refuse_version(Peer peer, const mqtt::Connect& packet);
  void refuse(Peer peer, const mqtt::Connect& connect, mqtt::Reason reason, std::string_view why,
              std::string_view why_in_log = {});
  void answer_refusal(Peer peer, const mqtt::Connect& connect, mqtt::Reason reason,
                      std::string_view why);
  void move_home(Peer peer, ShardId to, const mqtt::Frame& frame);
  std::string generate_client_id(std::string_view prefix);

  // login.cc: may the client come in?
  void log_in(Peer peer, const mqtt::Frame& frame, mqtt::Connect& packet,
              std::string_view client_id, bool assigned);
  std::optional<AuthDecision> ask_for_login(Peer peer, const mqtt::Connect& packet,
                                            std::string_view client_id);
  void leave_pending(Peer peer);
  std::optional<AuthDecision> login_pace(Peer peer, std::string_view user_name, Duration& delay);
  void delay_login(Peer peer, Duration delay);
  void look_at_delayed(Peer peer);
  void note_failure(const Connection& connection, std::string_view user_name,
                    const AuthDecision& decision);
  void refuse_login(Peer peer, const mqtt::Connect& packet, const AuthDecision& decision);
  void on_auth_decided(const mail::AuthDecided& decided);
  void on_login_decided(Peer peer, const AuthDecision& decision);
  void answer_login(Peer peer, mqtt::Connect& packet, const AuthDecision& decision,
                    std::string_view client_id, bool assigned);
  void on_login_timeout(Peer peer);
  void go_on(ConnectionId id);

  // on_connect.cc: a session for the client
  void accept(Peer peer, const mqtt::Connect& packet, std::string_view client_id, bool assigned,
              std::string_view authentication_data = {});
  void apply_limits(Connection& connection, const mqtt::Connect& packet);
  SessionId attach(Peer peer, const mqtt::Connect& packet, std::string_view client_id,
                   bool& present);
  void take_over(Session& session, bool session_ends);
  void store_will(Session& session, const mqtt::Connect& packet, const Connection& connection);
  bool send_connack(Peer peer, const Session& session, const ConnackFacts& facts);
  void resume(SessionId id, Session& session);

  // on_publish.cc
  void on_publish(Peer peer, const mqtt::Frame& frame);
  bool resolve_alias(Peer peer, mqtt::Publish& packet);
  bool check_publish(Peer peer, const mqtt::Publish& packet);
  mqtt::Reason publish_verdict(Session& session, const mqtt::Publish& packet,
                               std::string_view topic, std::string& why);
  void refuse_publish(Peer peer, const mqtt::Publish& packet, mqtt::Reason reason,
                      std::string_view why);
  bool admit_window(Peer peer, const Session& session);
  void remember_received(Session& session, mqtt::PacketId id);
  void record_received(Session& session, mqtt::PacketId id);
  void owe(Peer peer, const mqtt::Publish& packet, mqtt::Reason reason, std::string_view why = {});
  void flush_acks(Peer peer);
  void send_ack(Peer peer, const mqtt::Acknowledgement& packet, std::string_view why = {});

  // router.cc
  void publish(const SharedRef<const mqtt::Message>& message);
  std::optional<bool> route(const SharedRef<const mqtt::Message>& message, Peer* publisher,
                            AckQueue::Place place);
  void route_to_others(const SharedRef<const mqtt::Message>& message, uint64_t mask,
                       const Peer* publisher, AckToken token);
  void pause_for_credit(ShardId to, Peer publisher);
  void on_credit(const mail::Credit& credit);
  void retain(const SharedRef<const mqtt::Message>& message, AckToken token, uint64_t mask);
  void forward_late(const SharedRef<const mqtt::Message>& message, uint64_t mask);
  Delivered deliver(const SharedRef<const mqtt::Message>& message, AckToken token);
  void on_late(const mqtt::Message& message, ShardId keeper);
  void collect_session(const Subscriber& subscriber, const mqtt::Message& message);
  void deliver_to(const Match& match, const SharedRef<const mqtt::Message>& message, AckToken token,
                  Delivered& result);
  std::optional<mqtt::MessageSource> source_to_keep(const Session& session, bool retain) const;
  bool source_may_write(const mqtt::Message& message) const;
  mqtt::Qos delivery_qos(mqtt::Qos published, mqtt::Qos subscribed) const;
  Delivery make_delivery(const Match& match, const SharedRef<const mqtt::Message>& message);
  void settle(AckToken token, const Delivered& result);
  void settle_now(AckToken token, bool matched);
  void on_committed(uint64_t number);
  AckToken begin_decision(AckToken token, SessionId publisher, mqtt::PacketId id, uint32_t parts);
  void note_spread(AckToken token);
  void make_decision(const Relay& relay);
  void on_decided(uint64_t decision);
  void let_go(const HeldDelivery& held);

  // refusal.cc
  bool may(Session& session, Refused what, std::string_view topic, std::string* why = nullptr);
  std::string text_for_client(const Connection& connection, Refused what,
                              const Explanation& why) const;
  void refused(Session& session, Refused what, std::string_view topic, std::string_view why);
  void count_refused(Refused what);
  LoggedRefusals::Say say_refused(Session& session, uint64_t cause);
  void log_refused(const Session& session, Refused what, std::string_view topic,
                   std::string_view why);
  void log_dangerous_name(Session& session);
  void refused_again(Session& session, std::string_view why);
  void log_refused_connect(const Connection& connection, const mqtt::Connect& packet,
                           std::string_view why);
  bool explains(const Connection& connection) const;
  mqtt::Properties reason_string(const Connection& connection, std::string_view why,
                                 Buffer& storage) const;

  // queues.cc
  uint32_t window(const Connection& connection) const;
  bool enqueue(Session& session, Delivery delivery, Source source = Source::live,
               uint64_t decision = 0);
  void line_up(Session& session, Delivery delivery);
  bool queue_has_room(const Session& session, const Connection* connection,
                      const Delivery& delivery) const;
  void drop(Session& session, Delivery& delivery);
  void count_queued(Session& session, const Delivery& delivery, int sign);
  void forget(Session& session, Delivery& delivery);
  void clear_queues(Session& session);
  void forget_unreadable(Session& session);
  void mark_dirty(Peer peer);
  void mark_dirty(const Session& session);
  void set_reading(Peer peer, uint16_t reason, bool stop);

  // on_subscribe.cc
  void on_subscribe(Peer peer, const mqtt::Frame& frame);
  void on_unsubscribe(Peer peer, const mqtt::Frame& frame);
  mqtt::Reason subscribe_one(Session& session, const mqtt::Subscription& entry,
                             SubscribeContext& context);
  std::string mounted_filter(std::string_view filter, const Connection& connection) const;
  bool add_subscription(SessionId id, Session& session, std::string_view filter,
                        SubscriptionFacts facts);
  std::optional<size_t> subscription_index(const Session& session, TopicTree::Leaf leaf);
  bool remove_subscription(Session& session, std::string_view filter);
  void remove_subscription_at(Session& session, size_t index);
  void remove_from_leaf(TopicTree::Leaf leaf, uint32_t position);
  void remove_all_subscriptions(Session& session);
  void send_suback(Peer peer, mqtt::PacketType type, const PendingSubscribe& answer);

  // shared_subscriptions.cc
  bool join_group(SessionId id, Session& session, GroupMembership membership, uint32_t request);
  bool leave_group(SessionId id, Session& session, std::string_view name);
  void leave_all_groups(SessionId id, Session& session);
  void tell_groups(SessionId id, const Session& session, mail::GroupUpdate::Kind kind);
  void on_group_update(mail::GroupUpdate& update);
  GroupId add_group(std::string_view name);
  void remove_group(GroupId id);
  void on_group_joined(const mail::GroupJoined& joined);
  void subscribe_step(const Session& session, uint32_t request);
  static PendingSubscribe* find_subscribing(Connection& connection, uint32_t request);
  void group_publish(uint32_t index, const SharedRef<const mqtt::Message>& message, AckToken token,
                     Delivered& result);
  void finish_relay(const Delivered& result);
  void on_group_deliver(mail::GroupDeliver& delivery);
  bool deliver_from_group(mail::GroupDeliver& from);
  void give_back(Session& session);
  void on_group_return(mail::GroupReturn& back);

  // replay.cc: retained messages for new subscriptions
  bool start_replay(SessionId id, Session& session, Replay replay);
  void ask_replay(SessionId id, Replay& replay);
  void restart_replays(SessionId id, Session& session);
  void stop_replays(Session& session);
  void stop_replay(Session& session, std::string_view filter);
  void release_cursor(Replay& replay);
  void next_replays(SessionId id, Session& session);
  bool still_subscribed(const Session& session, Replay& replay);
  void pump_replays(Session& session);
  void on_replay_start(const mail::ReplayStart& start);
  void on_replay_next(const mail::ReplayNext& next);
  void send_page(ReplayId cursor, SessionRef to, uint32_t request);
  void on_replay_page(mail::ReplayPage& page);
  Replay* find_replay(Session& session, uint32_t request);
  bool awaits_page(SessionId id, ShardId keeper, const mqtt::Message& message);
  size_t subscriptions_to(SessionId id, std::string_view topic);
  [[nodiscard]] bool comes_live(const Session& session, const Replay& replay,
                                const mqtt::Message& message) const;
  bool hold_back(Session& session, Delivery& delivery);
  void overtake(SessionId id, Session& session, Replay& replay, const mqtt::Message& message);
  void release_held(Session& session);
  void end_replays(Session& session);

  // on_ack.cc
  void on_acknowledgement(Peer peer, const mqtt::Frame& frame);
  void on_puback(Peer peer, Session& session, const mqtt::Acknowledgement& packet);
  void on_pubrec(Peer peer, Session& session, const mqtt::Acknowledgement& packet);
  void on_pubrel(Peer peer, Session& session, const mqtt::Acknowledgement& packet);
  void on_pubcomp(Peer peer, Session& session, const mqtt::Acknowledgement& packet);
  std::optional<size_t> inflight_index(const Session& session, mqtt::PacketId id) const;
  void finish_inflight(Session& session, size_t index);
  bool forget_received(Session& session, mqtt::PacketId id);
  void after_window_opened(Peer peer, Session& session);

  // on_auth.cc: enhanced authentication
  bool begin_exchange(Peer peer, std::string_view method);
  AuthDecision start_login_exchange(Peer peer, const mqtt::Connect& packet);
  bool read_auth(const Connection& connection, const mqtt::Frame& frame, mqtt::Auth& packet,
                 mqtt::Malformed& error) const;
  void on_frame_before_connack(Peer peer, const mqtt::Frame& frame);
  void on_login_data(Peer peer, Bytes data);
  void look_at_login_data(Peer peer, Bytes data);
  void on_disconnect_before_connack(Peer peer, const mqtt::Frame& frame);
  void refuse_login(Peer peer, mqtt::PacketType type, const mqtt::Malformed& why);
  void on_auth(Peer peer, const mqtt::Frame& frame);
  bool begin_again(Peer peer, const mqtt::Auth& packet);
  void refuse_again(Peer peer, const AuthDecision& decision);
  void send_auth(Peer peer, const AuthDecision& decision);

  // on_close.cc
  void on_disconnect(Peer peer, const mqtt::Frame& frame);
  void malformed(Peer peer, mqtt::PacketType type, const mqtt::Malformed& why);
  void end(Peer peer, mqtt::Reason reason, std::string_view why);
  void log_ending(const Connection& connection, EndCause cause, std::string_view detail,
                  std::string_view client_id = {});
  void start_closing(Peer peer);
  void detach(Peer peer, bool publish_will_wanted);
  void rest_queues(Session& session);
  std::optional<Duration> session_expiry(const Session& session) const;
  void expire_session(SessionId id, Session& session, KeepPlace keep = KeepPlace::no);
  void on_session_timer(Session& session);
  void arm_session_timer(Session& session);
  void publish_will(Session& session);
  void release_connection(Peer peer);
  void shutdown(mail::Shutdown::Step step);

  // writer.cc
  Buffer& control(Peer peer);
  bool send_sized(Peer peer, const Buffer& packet);
  bool write_control(Peer peer, FlushBuffer& buffer);
  void write_session(Peer peer, Session& session, FlushBuffer& buffer);
  bool window_open(const Connection& connection, const Session& session,
                   const Delivery& delivery) const;
  bool write_resends(Peer peer, Session& session, FlushBuffer& buffer);
  void write_pubrels(Session& session, FlushBuffer& buffer);
  void write_pubrel(Delivery& delivery, FlushBuffer& buffer);
  bool write_next(Peer peer, Session& session, Ring<Delivery>& queue, FlushBuffer& buffer);
  mqtt::PacketId next_packet_id(Session& session) const;
  static void note_id_order(Session& session, mqtt::PacketId id);
  Written write_publish(Peer peer, const Delivery& delivery, FlushBuffer& buffer);
  void use_alias(Connection& connection, const mqtt::Message& message,
                 mqtt::PublishHead& head) const;
  bool can_write(const Connection& connection, const Session& session) const;
  void keep_backlog(Connection& connection, const FlushBuffer& buffer, size_t written) const;

  // store.cc
  bool keeps() const { return setup_.store != nullptr && setup_.store->keeps(); }

  StoreOp& record(StoreOp::Kind kind, const Session& session);
  StoreOp& record_promise(StoreOp::Kind kind, Session& session);
  void record_session(Session& session);
  void restore(RestoredSession& found);
  Delivery restored_delivery(RestoredSession::Entry& entry);
  void restore_queue(Session& session, RestoredSession& found);
  void record_queued(Session& session, Delivery& delivery, uint64_t sequence, uint64_t decision);
  void record_done(const Session& session, mqtt::PacketId id);
  void hold_control(Peer peer, const Session& session);
  size_t free_control(Connection& connection) const;
  void drop_held(Connection& connection);

  // full_disk.cc
  void on_disk_full(bool is_full);
  bool waits_for_disk(Peer peer, uint8_t first_byte);
  std::string_view no_room_for(const mqtt::Publish& packet) const;
  std::string_view no_room_for(const mqtt::Connect& packet, bool known) const;
  std::string_view no_room_for(Session& session, std::string_view filter);
  std::string_view no_room_for(const mqtt::Message& message) const;

  // paged_queue.cc
  bool is_paged_next(const Session& session) const;
  void add_waiting(Session& session, Delivery delivery);
  void rest_pending(Session& session);
  void want_page(Session& session);
  void on_read_queue(const mail::ReadQueue& wanted);
  void on_queue_page(QueuePage& page);
  void forget_paged(Session& session);

  // logging helpers
  std::string_view name_of(const Connection& connection) const;

  BrokerSetup setup_;
  Now now_;
  Output output_;
  Stats stats_;
  TimerWheel timers_;
  Random random_;
  Slab<Connection, ConnectionId> connections_;
  SessionTable sessions_;
  DeliveryExtras extras_;
  TopicTree tree_;
  LocalInterest interest_;
  SharedGroups groups_;
  RetainedStore retained_;
  std::vector<Link> links_;
  Slab<Relay, RelayId> relays_;
  OrphanedAcks orphaned_acks_;
  std::vector<StoreOp> batch_ops_;        ///< of this turn
  std::vector<QueueRead> batch_reads_;    ///< of this turn
  uint64_t batch_number_ = 1;             ///< of the batch that this turn hands over
  std::vector<ConnectionId> moved_away_;  ///< erased when the turn ends
  Ring<Owed> owed_;
  uint64_t committed_ = 0;  ///< all batches up to this one are safe
  Ring<Held> held_;
  uint64_t decisions_ = 0;  ///< begun by this shard
  /// What was stored in this turn for decisions: settled when the turn ends, in front of its batch.
  std::vector<std::pair<AckToken, bool>> settle_last_;
  /// QoS 2 deliveries that wait for a batch, in its order, and those that wait for a decision.
  Ring<std::pair<uint64_t, HeldDelivery>> unsafe_;
  std::unordered_map<uint64_t, std::vector<HeldDelivery>> undecided_;
  uint64_t ended_in_ = 0;         ///< the last batch that deletes a session
  uint64_t sessions_stored_ = 0;  ///< keys given out by this shard
  bool disk_full_ = false;
  std::vector<ConnectionId> waiting_for_disk_;  ///< not read until it has room
  std::vector<Match> matches_;
  std::vector<std::vector<uint32_t>> more_ids_;
  std::vector<std::unique_ptr<Buffer>> spare_buffers_;
  RecentRefusals recent_refusals_;
  uint64_t match_stamp_ = 0;
  uint32_t publish_sequence_ = 0;  ///< of messages published by clients of this shard
  Bytes rest_behind_connect_;      ///< what came with a CONNECT that is being handled
  uint64_t held_messages_ = 0;     ///< deliveries in this shard's queues and windows
  uint64_t held_bytes_ = 0;        ///< message bytes in this shard's queues and windows
  Timer sweep_timer_;
  bool shutting_down_ = false;
  Time
      retained_quiet_until_{};  ///< no more of messages that are not retained in the log until then
  size_t delayed_logins_ = 0;   ///< bound: kDelayedLoginsMax
  bool counts_rates_ = false;   ///< Limits::any_rate(), looked at for each packet
};

/// Why no client publishes to the topic, whatever its rights: it is the broker's own ($SYS, but for
/// the state of bridges) or one of shared subscriptions. Empty: clients may.
std::string_view why_reserved(std::string_view topic);

/// What Message::origin() says of a client's messages; not 0, which is the broker itself. The same
/// in every run, because retained messages outlive one.
uint64_t origin_of(std::string_view client_id);

/// SubscribeOptions in the byte of the wire (section 3.8.3.1), as the tree keeps them.
uint8_t pack(const mqtt::SubscribeOptions& options);
mqtt::SubscribeOptions unpack(uint8_t options);

}  // namespace tombo::broker
