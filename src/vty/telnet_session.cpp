#include "vty/telnet_session.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "core/outcome.hpp"
#include "vty/answers.hpp"

namespace withdrawd::vty {
namespace {

/// RFC 854.
enum TelnetByte : unsigned char { SE = 240, SB = 250, WILL = 251, DONT = 254, IAC = 255 };

constexpr std::string_view password_prompt = "Password: ";
constexpr std::string_view timed_out = "Vty connection is timed out.";
constexpr std::string_view no_password_set = "Vty password is not set.";

/// So much is typed ahead of the answers: more than enough to keep bgpd busy between two of our
/// turns, and so little that it always fits into the socket's buffers.
constexpr std::size_t type_ahead_bytes = std::size_t{16} * 1024;

/// No honest answer is longer; the running configuration of 100,000 networks is 3 MB.
constexpr std::size_t longest_answer = std::size_t{64} * 1024 * 1024;
constexpr std::size_t longest_log_in = std::size_t{1024} * 1024;

/// The status that vtysh's socket would have given for this answer (lib/command.h).
int status_of(std::string_view text) {
  const auto first_line = text.substr(std::min(text.find_first_not_of('\n'), text.size()));
  const auto line = first_line.substr(0, first_line.find('\n'));
  const auto says = [&](std::string_view what) { return line.find(what) != line.npos; };
  if (line.starts_with('%')) {
    if (says("Unknown command") || says("no matched command")) return 2;
    if (says("Ambiguous command")) return 3;
    if (says("Command incomplete")) return 4;
    return 1;
  }
  // "BGP is already running; AS is N" (Quagga, FRR 8), "BGP instance is already running; AS is N"
  // (FRR 10), "BGP view name X is already running", ...
  return says("is already running") || says_locked(line) ? 1 : 0;
}

}  // namespace

void TelnetSession::receive(std::string_view bytes) {
  for (const char byte : bytes) {
    if (state_ == State::over) return;
    const auto text = without_telnet(byte);
    if (!text) continue;
    ++received_;
    // Line ends are CR LF; a telnet CR may also come with a NUL.
    if (*text == '\r' || *text == '\0') continue;
    if (*text == '\n') {
      take_line();
      line_.clear();
    } else {
      line_ += *text;
    }
  }
  if (state_ == State::over) return;
  look_at_last_line();
  if (received_ > (step_ == Step::commands ? longest_answer : longest_log_in)) {
    fail(Trouble::unreachable, "read what bgpd's vty says", "it never ends",
         "is this bgpd's vty port?");
  }
}

void TelnetSession::hang_up() {
  if (state_ == State::over) return;
  if (state_ == State::ready) {
    state_ = State::over;
    return;
  }
  if (state_ == State::busy || step_ == Step::pager) {
    fail(Trouble::unreachable, doing(), "bgpd hung up");
  } else if (greeting_.find(no_password_set) != std::string::npos) {
    fail(Trouble::unreachable, "log in", "bgpd has no vty password and so lets nobody in",
         "set `password` in bgpd's configuration, or drop telnet from `transports`");
  } else if (step_ == Step::greeting) {
    fail(Trouble::unreachable, "log in", "bgpd hung up before it asked for the password",
         "does an access-class of `line vty` keep us out?");
  } else {
    fail(Trouble::unreachable, doing(), "bgpd hung up");
  }
}

/// One byte of the connection, without telnet's own language. We answer none of it: bgpd needs no
/// answer, and its pager starts only when it knows our window's size (DO NAWS asks for it).
std::optional<char> TelnetSession::without_telnet(char byte) {
  const auto value = static_cast<unsigned char>(byte);
  switch (telnet_) {
    case Telnet::text:
      if (value != IAC) return byte;
      telnet_ = Telnet::command;
      return std::nullopt;
    case Telnet::command:
      if (value == IAC) {
        telnet_ = Telnet::text;
        return byte;
      }
      if (value == SB) {
        telnet_ = Telnet::subnegotiation;
      } else if (value >= WILL && value <= DONT) {
        telnet_ = Telnet::option;
      } else {
        telnet_ = Telnet::text;
      }
      break;
    case Telnet::option:
      telnet_ = Telnet::text;
      break;
    case Telnet::subnegotiation:
      if (value == IAC) telnet_ = Telnet::subnegotiation_command;
      return std::nullopt;
    case Telnet::subnegotiation_command:
      telnet_ = value == SE ? Telnet::text : Telnet::subnegotiation;
      break;
  }
  if (telnet_ == Telnet::text && step_ == Step::greeting) {
    // The banner, which may look like anything, ends here.
    negotiated_ = true;
    line_.clear();
  }
  return std::nullopt;
}

void TelnetSession::take_line() {
  if (step_ == Step::commands || step_ == Step::pager) {
    take_line_of_commands();
  } else {
    greeting_ += line_;
    greeting_ += '\n';
  }
}

void TelnetSession::take_line_of_commands() {
  const auto answered = replies_.size();
  if (state_ == State::ready || !echoed_) {
    if (state_ != State::ready && line_ == commands_[answered]) {
      echoed_ = true;
    } else if (line_ == timed_out) {
      timed_out_idle_ = true;
    } else if (!line_.empty()) {
      // Its text is not told: what sits on that port might not be bgpd, and echo the password.
      fail(Trouble::unreachable, "talk to bgpd's vty",
           state_ == State::ready ? "it spoke unasked" : "it echoed something else than was typed");
    }
    return;
  }
  if (answered + 1 < typed_ && line_.ends_with(commands_[answered + 1])) {
    const auto before =
        std::string_view(line_).substr(0, line_.size() - commands_[answered + 1].size());
    auto prompt = as_known_prompt(before);
    // With the very next command behind it, it is a prompt even if the host part is new.
    if (!prompt) prompt = as_prompt(before);
    if (prompt) {
      host_ = prompt->host;
      in_configuration_ = prompt->configuration;
      finish_reply();
      echoed_ = true;
      return;
    }
  }
  text_ += line_;
  text_ += '\n';
}

void TelnetSession::look_at_last_line() {
  if (step_ != Step::commands && step_ != Step::pager) {
    look_at_log_in();
    return;
  }
  // Unless the next command is typed already: then its echo must follow the prompt.
  if (state_ == State::ready || !echoed_ || replies_.size() + 1 != typed_) return;
  if (const auto prompt = as_known_prompt(line_)) at_prompt(*prompt);
}

void TelnetSession::look_at_log_in() {
  const bool asks = line_ == password_prompt;
  switch (step_) {
    case Step::greeting: {
      if (!negotiated_) return;
      if (!asks) {
        if (const auto prompt = as_prompt(line_)) at_log_in_prompt(*prompt);
        return;
      }
      if (!passwords_.vty) {
        return fail(Trouble::unreachable, "log in", "bgpd asks for a password",
                    "set `password_file` under [bgpd] in the configuration");
      }
      output_ += *passwords_.vty + '\n';
      step_ = Step::password;
      break;
    }
    case Step::password:
      if (asks) {
        return fail(Trouble::unreachable, "log in", "wrong password",
                    "write bgpd's vty password into the password_file");
      }
      if (const auto prompt = as_prompt(line_)) at_log_in_prompt(*prompt);
      return;
    case Step::enable:
      if (!asks) {
        if (const auto prompt = as_known_prompt(line_)) at_log_in_prompt(*prompt);
        return;
      }
      if (!passwords_.enable) {
        return fail(Trouble::unreachable, "enable", "bgpd asks for an enable password",
                    "set `enable_password_file` under [bgpd] in the configuration");
      }
      output_ += *passwords_.enable + '\n';
      step_ = Step::enable_password;
      break;
    case Step::enable_password:
      if (asks) {
        return fail(Trouble::unreachable, "enable", "wrong enable password",
                    "write bgpd's enable password into the enable_password_file");
      }
      if (const auto prompt = as_known_prompt(line_)) at_log_in_prompt(*prompt);
      return;
    case Step::pager:
    case Step::commands:
      return;
  }
  line_.clear();
  received_ = 0;
  ++progress_;
}

/// Logged in; enabled as well if the prompt says so.
void TelnetSession::at_log_in_prompt(const Prompt& prompt) {
  host_ = prompt.host;
  in_configuration_ = prompt.configuration;
  line_.clear();
  received_ = 0;
  ++progress_;
  if (prompt.enabled) {
    // bgpd stops reading while it still has output waiting for us only when the length is 0
    // (vty_flush in lib/vty.c); else it takes what was typed ahead for keys to its pager.
    step_ = Step::pager;
    start({"terminal length 0"});
  } else if (step_ == Step::enable || step_ == Step::enable_password) {
    fail(Trouble::unreachable, "enable", "bgpd does not let us into its enable node");
  } else {
    output_ += "enable\n";
    step_ = Step::enable;
  }
}

void TelnetSession::at_prompt(const Prompt& prompt) {
  host_ = prompt.host;
  in_configuration_ = prompt.configuration;
  line_.clear();
  finish_reply();
  if (replies_.size() < commands_.size()) return type_ahead();
  if (step_ == Step::pager) replies_.clear();
  step_ = Step::commands;
  state_ = State::ready;
}

bool TelnetSession::could_be_at_new_prompt() const {
  if (state_ == State::over || state_ == State::ready || line_.empty()) return false;
  if (step_ == Step::greeting || step_ == Step::password) return false;
  const bool in_commands = step_ == Step::commands || step_ == Step::pager;
  if (in_commands && (!echoed_ || replies_.size() + 1 != typed_)) return false;
  return as_prompt(line_).has_value() ||
         (in_commands && line_.ends_with(' ') && line_.find(host_) != std::string::npos);
}

void TelnetSession::nothing_more() {
  if (!could_be_at_new_prompt()) return;
  if (step_ == Step::enable || step_ == Step::enable_password) {
    if (const auto prompt = as_prompt(line_)) at_log_in_prompt(*prompt);
    return;
  }
  // An answer without a line end of its own has the prompt behind it.
  for (auto at = line_.find(host_); at != std::string::npos; at = line_.find(host_, at + 1)) {
    if (const auto prompt = as_known_prompt(std::string_view(line_).substr(at))) {
      text_ += line_.substr(0, at);
      return at_prompt(*prompt);
    }
  }
  if (const auto prompt = as_prompt(line_)) at_prompt(*prompt);
}

/// Any host's prompt: "edge1> ", "edge1# ", "edge1(config-router-af)# ". The host, which may itself
/// end in > or #, is one word.
std::optional<TelnetSession::Prompt> TelnetSession::as_prompt(std::string_view text) {
  Prompt prompt;
  if (text.ends_with("# ")) {
    prompt.enabled = true;
  } else if (!text.ends_with("> ")) {
    return std::nullopt;
  }
  text.remove_suffix(2);
  if (text.ends_with(')')) {
    if (const auto begin = text.rfind("(config"); begin != text.npos && begin > 0) {
      prompt.configuration = true;
      text = text.substr(0, begin);
    }
  }
  if (text.empty() || text.find_first_of(" \t") != text.npos) return std::nullopt;
  prompt.host = text;
  return prompt;
}

std::optional<TelnetSession::Prompt> TelnetSession::as_known_prompt(std::string_view text) const {
  auto prompt = as_prompt(text);
  if (prompt && prompt->host != host_) prompt.reset();
  return prompt;
}

void TelnetSession::type(std::vector<std::string> commands) {
  if (state_ != State::ready || commands.empty()) return;
  state_ = State::busy;
  start(std::move(commands));
}

void TelnetSession::start(std::vector<std::string> commands) {
  commands_ = std::move(commands);
  replies_.clear();
  text_.clear();
  echoed_ = false;
  typed_ = 0;
  typed_bytes_ = 0;
  type_ahead();
}

void TelnetSession::type_ahead() {
  while (typed_ < commands_.size() &&
         (typed_bytes_ == 0 || typed_bytes_ + commands_[typed_].size() < type_ahead_bytes)) {
    // LF alone: Quagga takes CR LF for two line ends
    // (transcripts/quagga-1.2.3-telnet-crlf-trap.json).
    output_ += commands_[typed_] + '\n';
    typed_bytes_ += commands_[typed_].size() + 1;
    ++typed_;
  }
}

void TelnetSession::finish_reply() {
  const auto status = status_of(text_);
  auto& command = commands_[replies_.size()];
  typed_bytes_ -= command.size() + 1;
  replies_.push_back({std::exchange(text_, {}), status, std::move(command)});
  echoed_ = false;
  received_ = 0;
  ++progress_;
}

void TelnetSession::fail(Trouble trouble, std::string tried, std::string happened,
                         std::string advice) {
  state_ = State::over;
  output_.clear();
  failure_ = Failure{trouble, {std::move(tried), std::move(happened), std::move(advice)}};
}

std::string TelnetSession::doing() const {
  auto unanswered = replies_.size();
  // The next command's echo has yet to confirm that this is the prompt, but for people it is.
  if (echoed_ && unanswered + 1 < typed_ && as_known_prompt(line_)) ++unanswered;
  if (unanswered < commands_.size()) return "ask \"" + commands_[unanswered] + "\"";
  return step_ == Step::enable || step_ == Step::enable_password ? "enable" : "log in";
}

std::string TelnetSession::take_output() {
  return std::exchange(output_, {});
}

std::vector<Reply> TelnetSession::take_replies() {
  return std::exchange(replies_, {});
}

}  // namespace withdrawd::vty
