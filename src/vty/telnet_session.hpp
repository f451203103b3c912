#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vty/bgpd.hpp"
#include "vty/transport.hpp"

namespace withdrawd::vty {

/// A conversation with bgpd's vty over telnet, without the telnet: bytes that came go in, bytes to
/// be sent come out. Logs in, enables and switches the pager off by itself; then types commands
/// when told to, a bounded number of bytes ahead of the answers, and tells the answers apart by the
/// echo of each command and the prompt behind it. The caller owns the connection and the clock.
///
/// (transcripts/*-telnet-*.json. bgpd: lib/vty.c.)
class TelnetSession {
 public:
  struct Passwords {
    std::optional<std::string> vty;     ///< none: the log-in fails if bgpd asks for one
    std::optional<std::string> enable;  ///< likewise
  };

  enum class State : std::uint8_t {
    logging_in,
    ready,  ///< in the enable node or deeper, waiting for commands
    busy,   ///< commands are typed, answers outstanding
    over,   ///< broken off by bgpd, or by us for what bgpd sent: see failure()
  };

  explicit TelnetSession(Passwords passwords) : passwords_(std::move(passwords)) {}

  /// Bytes that came from bgpd, in any pieces.
  void receive(std::string_view bytes);

  /// bgpd has closed the connection.
  void hang_up();

  /// Nothing has come for a while (50 ms will do): what stands on the last line looks like a prompt
  /// and is one, though not the one we knew: bgpd's `hostname` was changed.
  void nothing_more();

  /// Would nothing_more() change anything?
  bool could_be_at_new_prompt() const;

  /// Types commands; only when ready. Each is one line of printable ASCII without a question mark,
  /// which would make bgpd print its help.
  void type(std::vector<std::string> commands);

  /// What is to be sent now; empty if nothing. Ask again after each call of the above.
  std::string take_output();

  State state() const { return state_; }

  /// How many steps of the log-in or answers to commands have come: silence is when it stands
  /// still.
  std::size_t progress() const { return progress_; }

  /// For an error: "log in", "enable", "ask \"show running-config\"".
  std::string doing() const;

  /// One reply for each command, when no longer busy.
  std::vector<Reply> take_replies();

  /// Is bgpd in one of its configuration nodes? (As the last prompt said.)
  bool in_configuration() const { return in_configuration_; }

  /// Why it is over. None as well if bgpd hung up while it was ready.
  const std::optional<Failure>& failure() const { return failure_; }

  /// Was the end bgpd's `exec-timeout`? That is no sign of trouble.
  bool timed_out_idle() const { return timed_out_idle_; }

 private:
  enum class Step : std::uint8_t {
    greeting,  ///< until `Password: ` (or, with `no login`, a prompt) follows the negotiation
    password,  ///< the password is typed
    enable,    ///< "enable" is typed
    enable_password,  ///< the enable password is typed
    pager,            ///< "terminal length 0" is typed
    commands,
  };
  enum class Telnet : std::uint8_t {
    text,
    command,
    option,
    subnegotiation,
    subnegotiation_command
  };
  struct Prompt {
    std::string host;
    bool enabled = false;        ///< ends in #
    bool configuration = false;  ///< (config...)
  };

  static std::optional<Prompt> as_prompt(std::string_view text);
  std::optional<Prompt> as_known_prompt(std::string_view text) const;

  std::optional<char> without_telnet(char byte);
  void take_line();
  void take_line_of_commands();
  void look_at_last_line();
  void look_at_log_in();
  void at_log_in_prompt(const Prompt& prompt);
  void at_prompt(const Prompt& prompt);
  void start(std::vector<std::string> commands);
  void type_ahead();
  void finish_reply();
  void fail(Trouble trouble, std::string tried, std::string happened, std::string advice = "");

  Passwords passwords_;
  State state_ = State::logging_in;
  Step step_ = Step::greeting;
  Telnet telnet_ = Telnet::text;
  bool negotiated_ = false;
  std::optional<Failure> failure_;
  bool timed_out_idle_ = false;
  bool in_configuration_ = false;
  std::size_t progress_ = 0;

  std::string host_;
  std::string line_;          ///< what has come of the line that has not ended yet
  std::size_t received_ = 0;  ///< since the last progress
  std::string greeting_;      ///< the lines before the log-in
  std::string output_;

  std::vector<std::string> commands_;
  std::size_t typed_ = 0;        ///< how many of the commands
  std::size_t typed_bytes_ = 0;  ///< of commands typed and not answered
  bool echoed_ = false;          ///< has the echo of the command now being answered come?
  std::string text_;             ///< the answer so far
  std::vector<Reply> replies_;
};

}  // namespace withdrawd::vty
